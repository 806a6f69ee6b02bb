"""Draws pictures of dashboards: the results of their queries on made-up data, in the layout and colours of the panels.

    go test ./grafana -run TestPanelsShowRealisticData -args -results /tmp/results.json
    (cd test/promql && go test -run TestPromQL . -args -results /tmp/bridge.json)
    .cache/py/grafana/bin/python grafana/testdata/draw.py docs/images /tmp/results.json /tmp/bridge.json

The last argument is optional. Without it, the dashboard about the bridge is not drawn. The pictures are not screenshots
of Grafana.
"""

import datetime
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from panels import DIM, PAGE, TEXT, draw_panel
from PIL import Image

DASHBOARDS = pathlib.Path(__file__).parent.parent / "dashboards"
CHOSEN = {"project": "webshop", "env": "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11", "test": "test_pay_by_card[visa]"}
WIDTH, UNIT = 15.0, 0.34  # width of the picture, and height of one step of Grafana's grid, in inches


def chosen(text):
    for name, value in CHOSEN.items():
        text = text.replace("${%s}" % name, value)
    return text


def rows_of(lines):
    """Converts the lines of a Prometheus query to rows in the form of InfluxDB."""
    return [{"_time": datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(), "_value": value, "legend": line["legend"]}
            for line in lines for at, value in line["points"]]


def draw(board, answers, target):
    panels = board["panels"]
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) * UNIT + 0.6
    figure = plt.figure(figsize=(WIDTH, height), facecolor=PAGE)
    figure.text(0.012, 1 - 0.32 / height, board["title"], color=TEXT, fontsize=15, fontweight="bold", va="center")
    variables = "     ".join(f"{v['label']} {'All' if v['multi'] else CHOSEN[v['name']]}" for v in board["templating"]["list"] if v["name"] in CHOSEN)
    figure.text(0.2, 1 - 0.32 / height, variables, color=DIM, fontsize=9, va="center")
    for panel in panels:
        at = panel["gridPos"]
        left, width = at["x"] / 24, at["w"] / 24
        top = 1 - (at["y"] * UNIT + 0.6) / height
        box = (left + 0.004, top - at["h"] * UNIT / height + 0.05 / height, width - 0.008, at["h"] * UNIT / height - 0.1 / height)
        draw_panel(figure, box, (WIDTH, height), panel, chosen(panel["title"]), answers.get(panel["title"], []))
    figure.savefig(target, dpi=88, facecolor=PAGE)
    plt.close(figure)
    Image.open(target).convert("RGB").quantize(255, method=Image.Quantize.MAXCOVERAGE).save(target, optimize=True)


def read(name):
    return json.loads(pathlib.Path(name).read_text(encoding="utf-8"))


def main(folder, results, bridge=None):
    answers = read(results)
    if bridge:
        answers["pymon-bridge-state"] = {title: rows_of(lines) for title, lines in read(bridge).items()}
    for file in sorted(DASHBOARDS.glob("*.json")):
        board = read(file)
        if board["uid"] in answers:
            name = "overview" if file.stem == "test-suite-overview" else file.stem
            draw(board, answers[board["uid"]], pathlib.Path(folder) / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
