"""Writes what pytest itself says of a run: the file that WITNESS names has the node ids by category."""

import json
import os
import sys

FILE = os.environ["WITNESS"]


def pytest_terminal_summary(terminalreporter, exitstatus):
    stats = {}
    for category, reports in terminalreporter.stats.items():
        for report in reports:
            if category and getattr(report, "when", "collect") != "collect":
                kind = "subtest " if hasattr(report, "context") else ""
                stats.setdefault(kind + category, []).append(report.nodeid)
    for ids in stats.values():
        ids.sort()
    with open(FILE, "w") as file:
        json.dump({"status": int(exitstatus), "stats": stats, "modules": sorted(sys.modules)}, file)
