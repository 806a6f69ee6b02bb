"""Reads dashboards into Grafana's own models and prints all settings that the models do not know.

The arguments are the names of JSON files. Grafana silently ignores a misspelt or misplaced setting. This program prints
it and exits with status 1.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(sent, taken, path=""):
    """Yields the path of each value in sent that differs in taken. A null value may be missing in taken."""
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
    """Removes the queries of annotations, and yields the keys of a query that are not for InfluxDB.

    The models know only the targets of Grafana's own annotations ("this should just be a normal query target").
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
