"""Writes what pytest itself says of a run: the file that WITNESS names has the node ids by category."""

import json
import os
import sys

FILE = os.environ["WITNESS"]


def pytest_terminal_summary(terminalreporter, exitstatus):
    stats = {}
    for category, reports in terminalreporter.stats.items():
        ids = sorted(report.nodeid for report in reports if hasattr(report, "when"))
        if category and ids:
            stats[category] = ids
    with open(FILE, "w") as file:
        json.dump({"status": int(exitstatus), "stats": stats, "modules": sorted(sys.modules)}, file)
