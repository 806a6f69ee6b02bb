"""Reads each dashboard named as an argument into Grafana's own models and prints what these did not take over.

A misspelt or misplaced setting is silently ignored by Grafana; here it is a line of output and exit status 1.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(sent, taken, path=""):
    """Yields the path of everything in sent that is not the same in taken. What is null need not be there."""
    if isinstance(sent, dict) and isinstance(taken, dict):
        for key, value in sent.items():
            if key in taken:
                yield from lost(value, taken[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key} = {json.dumps(value)}"
    elif isinstance(sent, list) and isinstance(taken, list) and len(sent) == len(taken):
        for index, (one, other) in enumerate(zip(sent, taken)):
            yield from lost(one, other, f"{path}[{index}]")
    elif sent != taken:
        yield f"{path} = {json.dumps(sent)}, taken as {json.dumps(taken)}"


def take_queries(dashboard):
    """Takes the queries out of annotations and yields what a query of InfluxDB does not have.

    The models know the targets of Grafana's own annotations only ("this should just be a normal query target").
    """
    for index, annotation in enumerate(dashboard.get("annotations", {}).get("list", [])):
        for key in set(annotation.pop("target", {})) - {"refId", "query"}:
            yield f".annotations.list[{index}].target.{key}"


def main():
    register_default_plugins()
    problems = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            sent = json.load(file)
        problems += [f"{name}: {problem}" for problem in take_queries(sent)]
        taken = json.loads(JSONEncoder().encode(Dashboard.from_json(sent)))
        problems += [f"{name}: {problem}" for problem in lost(sent, taken)]
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
