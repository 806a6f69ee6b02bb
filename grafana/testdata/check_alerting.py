"""Reads alerting provisioning, as JSON files named as arguments, into Grafana's own models and prints what these did
not take over. Files of provisioning differ from the models in a few names, which are translated first.
"""

import json
import sys

from check_dashboard import lost
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.alerting import ContactPoint, NotificationPolicy, RuleGroup


def rule_group(group):
    rules = [{key: value for key, value in rule.items() if key not in ("dashboardUid", "panelId")} for rule in group["rules"]]
    return RuleGroup, {"title": group["name"], "interval": int(group["interval"].removesuffix("m")) * 60, "rules": rules}


def contact_points(point):
    for receiver in point["receivers"]:
        yield ContactPoint, receiver | {"name": point["name"]}


def policy(policy):
    return NotificationPolicy, {key: value for key, value in policy.items() if key != "orgId"}


def objects(file):
    """Yields a model and what is to fit it for everything in a file of provisioning."""
    known = {"apiVersion", "groups", "contactPoints", "policies"}
    for key in set(file) - known:
        yield ContactPoint, {key: file[key]}  # which fits nothing
    yield from map(rule_group, file.get("groups", []))
    for point in file.get("contactPoints", []):
        yield from contact_points(point)
    yield from map(policy, file.get("policies", []))


def main():
    register_default_plugins()
    problems = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            for model, sent in objects(json.load(file)):
                taken = json.loads(JSONEncoder().encode(model.from_json(sent)))
                problems += [f"{name}: {model.__name__}{problem}" for problem in lost(sent, taken)]
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
