"""Draws docs/images/overview.png: the dashboard's panels, from what their own queries answered on made-up data.

    go test ./grafana -run TestPanelsShowRealisticData -args -results /tmp/results.json
    .cache/py/grafana/bin/python grafana/testdata/draw_overview.py /tmp/results.json docs/images/overview.png

It is a picture of the data in Grafana's colours, not a screenshot of Grafana.
"""

import datetime
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.dates import ConciseDateFormatter, AutoDateLocator

PAGE, PANEL, TEXT, DIM, GRID = "#111217", "#181b1f", "#d5d6da", "#8e9099", "#2c3036"
BLUE, PURPLE, GREEN, ORANGE, RED, YELLOW = "#5794f2", "#b877d9", "#73bf69", "#ff9830", "#f2495c", "#fade2a"


def time(row):
    return datetime.datetime.fromisoformat(row["_time"].replace("Z", "+00:00"))


def seconds(value):
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 60 else f"{value / 60:.2f} min"


def panel(figure, spot, title):
    axes = figure.add_subplot(spot)
    axes.set_facecolor(PANEL)
    axes.set_title(title, loc="left", color=TEXT, fontsize=10, fontweight="bold", pad=8)
    axes.tick_params(colors=DIM, labelsize=7.5, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    return axes


def dates(axes):
    locator = AutoDateLocator(maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_color(DIM)
    axes.xaxis.get_offset_text().set_fontsize(7.5)


def newest(figure, spot, rows):
    """The four numbers of the newest run, with their course behind them."""
    shown = [("tests", "Tests", lambda v: f"{v:.0f}"), ("seconds", "Test time", seconds), ("cpu", "CPU time", seconds),
             ("memory", "Most memory", lambda v: f"{v:.0f} MiB")]
    grid = spot.subgridspec(1, len(shown), wspace=0.03)
    for place, (column, label, unit) in zip(grid, shown):
        axes = figure.add_subplot(place)
        values = [row[column] for row in rows]
        axes.set_facecolor(PANEL)
        axes.fill_between(range(len(values)), values, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(values, color=BLUE, linewidth=1)
        axes.set_ylim(0, max(values) * 2.6)
        axes.set_xlim(0, len(values) - 1)
        axes.axis("off")
        axes.add_patch(plt.Rectangle((0, 0), 1, 1, transform=axes.transAxes, color=PANEL, zorder=-1))
        axes.text(0.5, 0.86, label, transform=axes.transAxes, ha="center", va="center", color=TEXT, fontsize=10)
        axes.text(0.5, 0.6, unit(values[-1]), transform=axes.transAxes, ha="center", va="center", color=BLUE, fontsize=21)


def table(figure, spot, title, rows, columns):
    axes = panel(figure, spot, title)
    axes.grid(False)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) + 0.6, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    for x, align, head, show, colour in columns:
        axes.text(x, 0, head, ha=align, va="center", color=DIM, fontsize=8)
        for y, row in enumerate(rows, 1):
            axes.text(x, y, show(row), ha=align, va="center", color=colour(row), fontsize=8)
    for y in range(len(rows)):
        axes.axhline(y + 0.5, color=GRID, linewidth=0.5)


def change(row):
    ratio = row["ratio"]
    return RED if ratio >= 0.5 else ORANGE if ratio >= 0.1 else GREEN if ratio < -0.05 else TEXT


def plain(_):
    return TEXT


def tests(rows, first, second, heads):
    return rows[:10], [
        (0.01, "left", "Test", lambda r: r["test"] if len(r["test"]) < 36 else r["test"][:34] + "…", plain),
        (0.70, "right", heads[0], lambda r: seconds(r[first]), plain), (0.85, "right", heads[1], lambda r: seconds(r[second]), plain),
        (0.99, "right", "Change", lambda r: f"{r['ratio']:+.0%}", change)]


def history(axes, rows, unit):
    for colour, field in zip((BLUE, GREEN, ORANGE), sorted({row["_field"] for row in rows})):
        points = [row for row in rows if row["_field"] == field]
        axes.plot([time(p) for p in points], [p["_value"] for p in points], "-o", color=colour, markersize=3, linewidth=1, label=field)
    axes.set_ylim(0, 1.3 * max(row["_value"] for row in rows))
    axes.yaxis.set_major_formatter(unit)
    axes.legend(loc="upper left", fontsize=7.5, frameon=False, labelcolor=TEXT, ncols=3)
    dates(axes)


def draw(results, target):
    plt.rcParams["font.family"] = "DejaVu Sans"
    figure = plt.figure(figsize=(15, 12.8), facecolor=PAGE)
    figure.text(0.035, 0.975, "Test suite overview", color=TEXT, fontsize=15, fontweight="bold", va="center")
    figure.text(0.2, 0.974, "Project webshop     Branch All     Kind Tests     Machine class Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11",
                color=DIM, fontsize=9, va="center")
    grid = figure.add_gridspec(5, 6, left=0.035, right=0.985, top=0.95, bottom=0.035, hspace=0.48, wspace=0.4, height_ratios=[0.7, 1.1, 1.5, 1.2, 1.15])

    newest(figure, grid[0, :], results["Newest run"])

    title = "Test time of each run, by commit"
    axes, rows = panel(figure, grid[1, :3], title), results[title]
    axes.bar(range(len(rows)), [r["seconds"] for r in rows], color=BLUE, alpha=0.8, width=0.8)
    axes.set_xticks(range(len(rows)), [r["commit"] for r in rows], rotation=45, ha="right", fontsize=6.5)
    axes.yaxis.set_major_formatter("{x:.0f} s")

    title = "Tests in each run"
    axes, rows = panel(figure, grid[1, 3:], title), results[title]
    axes.bar([time(r) for r in rows], [r["tests"] for r in rows], color=PURPLE, alpha=0.8, width=0.8)
    dates(axes)

    title = "Slowest tests of the chosen run"
    table(figure, grid[2, :3], title, *tests(results[title], "now", "before", ("This run", "Before")))
    title = "Largest changes in the chosen run"
    table(figure, grid[2, 3:], title, *tests(results[title], "before", "now", ("Before", "This run")))

    title = "Most memory in the chosen run"
    axes, rows = panel(figure, grid[3, :3], title), results[title][:10][::-1]
    axes.grid(False)
    axes.barh([r["test"] for r in rows], [r["memory"] for r in rows], color=[plt.cm.plasma(0.25 + 0.6 * i / len(rows)) for i in range(len(rows))], height=0.7)
    for y, r in enumerate(rows):
        axes.text(r["memory"], y, f" {r['memory']:.0f} MiB", va="center", color=TEXT, fontsize=7.5)
    axes.set_xticks([])
    axes.margins(x=0.12)
    left, bottom, width, height = axes.get_position().bounds
    axes.set_position([left + 0.13, bottom, width - 0.13, height])
    axes.set_title("", loc="left")
    figure.text(left, bottom + height + 0.006, title, color=TEXT, fontsize=10, fontweight="bold", va="bottom")

    title = "How long the tests of the chosen run took"
    axes, rows = panel(figure, grid[3, 3:], title), results[title]
    axes.bar([r["duration"] for r in rows], [r["tests"] for r in rows], color=BLUE, alpha=0.8, width=0.9)
    for x, r in enumerate(rows):
        axes.text(x, r["tests"], f"{r['tests']:.0f}", ha="center", va="bottom", color=TEXT, fontsize=7.5)
    axes.margins(y=0.15)

    for place, title, unit in ((grid[4, :2], "Chosen test: time", "{x:.1f} s"), (grid[4, 2:4], "Chosen test: CPU use", lambda v, _: f"{v:.0%}"),
                               (grid[4, 4:], "Chosen test: memory", "{x:.0f} MiB")):
        history(panel(figure, place, title), results[title], unit)
    figure.savefig(target, dpi=100, facecolor=PAGE)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        draw(json.load(file), sys.argv[2])
