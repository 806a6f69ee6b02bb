"""Asks a server for everything in the way of the Python client monitor_api 1.x, and prints what it got as JSON.

It sends the client's requests and reads the fields that the client reads: URLs are joined as plain text, a page counts
only with status 200, and the link to the next one is appended to the URL of the API.
"""

import datetime
import json
import sys

import requests

RESOURCES = ("memory", "cpu", "kernel_time", "user_time", "total_time")
METRIC = ("session_h", "context_h", "item_start_time", "item_path", "item", "item_variant", "item_fs_loc", "kind",
          "component", "total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage")
CONTEXT = ("context_h", "cpu_count", "cpu_frequency", "cpu_type", "cpu_vendor", "ram_total", "machine_node",
           "machine_type", "machine_arch", "system_info", "python_info")


class Monitor:
    def __init__(self, url):
        self.url = url.rstrip("/")
        self.session = requests.Session()

    def get(self, path):
        return self.session.get(self.url + "/" + path.lstrip("/"))

    def count(self, path):
        return self.get(path + "/count").json()["count"]

    def pages(self, path, key):
        found = []
        while path:
            answer = self.get(path)
            if answer.status_code != 200:
                break
            body = answer.json()
            found.extend(body[key])
            path = body.get("next_url")
        return found

    def metrics(self, path):
        found = self.pages(path, "metrics")
        for m in found:
            datetime.datetime.fromisoformat(m["item_start_time"])
        return [[m[field] for field in METRIC] for m in found]

    def sessions(self, path):
        found = self.pages(path, "sessions")
        for s in found:
            datetime.datetime.fromisoformat(s["run_date"])
        return [[s["session_h"], s["run_date"], s["scm_ref"], {t["name"]: t["value"] for t in s["tags"] or []}]
                for s in found]

    def contexts(self, path):
        return [[c[field] for field in CONTEXT] for c in self.pages(path, "contexts")]

    def first(self, path, key):
        answer = self.get(path)
        return answer.json()[key][0] if answer.status_code == 200 else None

    def once(self, path, key):
        answer = self.get(path)
        return [] if answer.status_code == 204 else answer.json()[key]


def read(url, session, context, item, variant):
    m = Monitor(url)
    top = {}
    for resource in RESOURCES:
        for scope in ("", "/components/shop", "/pipelines/main", "/pipelines/main/builds/7"):
            for end in ("head", "tail"):
                answer = m.get("/resources/%s%s/%s/3/metrics" % (resource, scope, end)).json()
                assert answer.get("next_url") is None
                top[resource + scope + "/" + end] = [metric["item_variant"] for metric in answer["metrics"]]
    return {
        "counts": [m.count(path) for path in (
            "/sessions", "/contexts", "/components", "/metrics", "/sessions/%s/metrics" % session,
            "/contexts/%s/metrics" % context, "/filters/scm/c0ff/metrics")],
        "session": m.first("/sessions/" + session, "sessions")["session_h"],
        "context": m.first("/contexts/" + context, "contexts")["context_h"],
        "no session": m.first("/sessions/none", "sessions"),
        "sessions": m.sessions("/sessions/"),
        "tagged": m.sessions("/sessions/?with_tags=pipeline_branch,numpy&restrict_flags=main,2.0&method=match_all"),
        "restricted": m.sessions("/sessions/?restrict_flags=main&method=match_any"),
        "contexts": m.contexts("/contexts/"),
        "components": m.once("/components/", "components"),
        "pipelines": m.once("/pipelines/", "pipelines"),
        "metrics": m.metrics("/metrics/"),
        "lists": [len(m.metrics(path)) for path in (
            "/sessions/%s/metrics" % session, "/contexts/%s/metrics" % context, "/filters/scm/c0ffee0/metrics",
            "/filters/scope/function/metrics", "/items/%s/metrics" % item, "/items/like/cart/metrics",
            "/variants/like/cart/metrics", "/variants/%s/metrics" % variant,
            "/components/shop/variants/%s/metrics" % variant, "/components/shop/metrics", "/components/metrics")],
        "builds": m.pages("/pipelines/main/builds", "builds"),
        "component pipelines": m.pages("/components/shop/pipelines", "pipelines"),
        "component builds": m.pages("/components/shop/pipelines/main/builds", "builds"),
        "build sessions": [m.first("/sessions/" + h, "sessions")["session_h"]
                           for h in m.pages("/pipelines/main/builds/7/sessions", "sessions")],
        "top": top,
    }


if __name__ == "__main__":
    json.dump(read(*sys.argv[1:]), sys.stdout)
