"""Reads files of alert provisioning into Grafana's own models and prints all settings that the models do not know.

The arguments are the names of JSON files. Some names in provisioning differ from the models. They are translated first.
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
    """Yields a model and its data for each object in a provisioning file."""
    known = {"apiVersion", "groups", "contactPoints", "policies"}
    for key in set(file) - known:
        yield ContactPoint, {key: file[key]}  # an unknown key, which fits no model
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
