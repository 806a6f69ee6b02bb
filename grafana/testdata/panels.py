"""Draws one panel of a dashboard with its kind, units, colours and names."""

import datetime

import matplotlib.pyplot as plt
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

PAGE, PANEL, TEXT, DIM, GRID = "#111217", "#181b1f", "#d5d6da", "#8e9099", "#2c3036"
COLOURS = {"blue": "#5794f2", "purple": "#b877d9", "green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "text": TEXT,
           "semi-dark-blue": "#3274d9", "transparent": "none"}
CLASSIC = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9"]
PLUMBING = {"result", "table", "_time", "_value", "_field", "_start", "_stop"}


def seconds(value):
    for limit, factor, name in ((0.001, 1e6, "µs"), (1, 1e3, "ms"), (60, 1, "s"), (3600, 1 / 60, "min")):
        if abs(value) < limit:
            return f"{value * factor:.3g} {name}"
    return f"{value / 3600:.3g} h"


def amount(value, steps=("", " K", " M", " G"), base=1000):
    for name in steps[:-1]:
        if abs(value) < base:
            return f"{value:.4g}{name}"
        value /= base
    return f"{value:.3g}{steps[-1]}"


UNITS = {"s": seconds, "mbytes": lambda v: f"{v:.3g} MiB", "percentunit": lambda v: f"{v:.0%}", "ops": lambda v: f"{v:.3g}/s",
         "bytes": lambda v: amount(v, (" B", " KiB", " MiB", " GiB"), 1024), "none": lambda v: f"{v:.2g}"}


def when(row):
    return datetime.datetime.fromisoformat(row["_time"].replace("Z", "+00:00"))


class Config:
    """The settings of a panel for its columns."""

    def __init__(self, panel):
        self.defaults = panel["fieldConfig"]["defaults"]
        self.fields = {o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]} for o in panel["fieldConfig"]["overrides"]}

    def of(self, column, what):
        return self.fields.get(column, {}).get(what, self.defaults.get(what))

    def name(self, column):
        return self.fields.get(column, {}).get("displayName", column)

    def show(self, column, value):
        for mapping in self.of(column, "mappings") or []:
            if str(value) in mapping["options"]:
                return mapping["options"][value]["text"]
        if isinstance(value, str):
            unit = self.of(column, "unit")
            return value[:16].replace("T", " ") if unit == "dateTimeAsIso" else value
        return UNITS.get(self.of(column, "unit"), amount)(value)

    def colour(self, column, value, default=TEXT):
        for mapping in self.of(column, "mappings") or []:
            if str(value) in mapping["options"]:
                return COLOURS[mapping["options"][value]["color"]]
        mode = (self.of(column, "color") or {}).get("mode")
        if mode == "thresholds" and isinstance(value, (int, float)):
            reached = [s for s in self.of(column, "thresholds")["steps"] if s["value"] is None or value >= s["value"]]
            return COLOURS[reached[-1]["color"]]
        return COLOURS[self.of(column, "color")["fixedColor"]] if mode == "fixed" else default


def frame(figure, box, title, size):
    """Draws the background and the title of a panel, and returns the box for its content."""
    left, bottom, width, height = box
    figure.add_artist(plt.Rectangle((left, bottom), width, height, transform=figure.transFigure, facecolor=PANEL, zorder=-2))
    head = 0.3 / size[1]
    figure.text(left + 0.006, bottom + height - head * 0.55, title if len(title) < width * 170 else title[: int(width * 165)] + "…", color=TEXT, fontsize=9.5, fontweight="bold", va="center")
    return left, bottom, width, height - head


def axes_in(figure, box, size, inner=(0.62, 0.34, 0.15, 0.08)):
    left, bottom, width, height = box
    l, b, r, t = inner
    axes = figure.add_axes((left + l / size[0], bottom + b / size[1], width - (l + r) / size[0], height - (b + t) / size[1]))
    axes.set_facecolor("none")
    axes.tick_params(colors=DIM, labelsize=7.5, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    return axes


def dates(axes):
    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def series(rows):
    """Groups rows into lines: one line for each set of labels, or for each column."""
    lines = {}
    for row in rows:
        if "_value" in row:
            label = " ".join(str(v) for k, v in row.items() if k not in PLUMBING)
            lines.setdefault(label, []).append((when(row), row["_value"]))
            continue
        for column, value in row.items():
            if column not in PLUMBING and value is not None:
                lines.setdefault(column, []).append((when(row), value))
    return {label: sorted(points) for label, points in lines.items()}


def stat(figure, box, size, panel, config, rows):
    lines = series(rows)
    left, bottom, width, height = box
    for i, (label, points) in enumerate(lines.items()):
        values = [v for _, v in points]
        axes = figure.add_axes((left + width * i / len(lines), bottom, width / len(lines), height))
        colour = config.colour(label, values[-1])
        axes.fill_between(range(len(values)), values, color=colour, alpha=0.25, linewidth=0)
        axes.plot(values, color=colour, linewidth=1)
        low, high = min(0, *values), max(*values, 1e-9)
        axes.set_ylim(low, low + (high - low) * 2.6)
        axes.axis("off")
        axes.text(0.5, 0.9, config.name(label), transform=axes.transAxes, ha="center", va="center", color=TEXT, fontsize=9.5)
        axes.text(0.5, 0.62, config.show(label, values[-1]), transform=axes.transAxes, ha="center", va="center", color=colour, fontsize=20)


def timeseries(figure, box, size, panel, config, rows):
    axes = axes_in(figure, box, size)
    lines, custom = series(rows), config.defaults.get("custom", {})
    below = {}
    for i, (label, points) in enumerate(lines.items()):
        x, y = [p[0] for p in points], [p[1] for p in points]
        colour = config.colour(label, y[-1], CLASSIC[i % len(CLASSIC)]) if label in config.fields or "fixed" in str(config.defaults.get("color")) else CLASSIC[i % len(CLASSIC)]
        own = config.fields.get(label, {})
        if own.get("custom.fillBelowTo"):
            low = [p[1] for p in lines[own["custom.fillBelowTo"]]]
            axes.fill_between(x, low, y, color=colour, alpha=0.25, linewidth=0, label=config.name(label))
        elif own.get("custom.lineWidth") == 0:
            continue
        elif own.get("custom.drawStyle") == "points":
            axes.plot(x, y, "o", color=colour, markersize=7, label=config.name(label))
        elif custom.get("drawStyle") == "bars":
            base = [below.get(at, 0) for at in x]
            axes.bar(x, y, bottom=base, color=colour, alpha=0.8, width=0.7, label=config.name(label))
            if custom.get("stacking", {}).get("mode") == "normal":
                below.update({at: b + v for at, b, v in zip(x, base, y)})
        else:
            marks = "-o" if custom.get("showPoints") == "always" and own.get("custom.showPoints") != "never" else "-"
            style = {"dashes": (4, 3)} if own.get("custom.lineStyle") else {}
            axes.plot(x, y, marks, color=colour, markersize=3, linewidth=1, label=config.name(label), **style)
    if config.defaults.get("min") == 0:
        axes.set_ylim(bottom=0)
    for step in config.defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is not None:
            axes.axhline(step["value"], color=COLOURS[step["color"]], linewidth=1, linestyle=(0, (5, 4)))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))
    axes.yaxis.set_major_formatter(lambda v, _: config.show(None, v))
    dates(axes)
    if panel["options"]["legend"]["showLegend"]:
        axes.legend(loc="upper left", fontsize=6.5, frameon=False, labelcolor=TEXT, ncols=2)


def barchart(figure, box, size, panel, config, rows):
    x, slanted = panel["options"]["xField"], panel["options"]["xTickLabelRotation"] != 0
    axes = axes_in(figure, box, size, (0.62, 0.75 if slanted else 0.34, 0.15, 0.2))
    column = next(c for c in rows[0] if c not in PLUMBING | {x})
    values = [row[column] for row in rows]
    axes.bar(range(len(rows)), values, color=config.colour(column, 0, COLOURS["blue"]), alpha=0.8, width=0.8)
    axes.set_xticks(range(len(rows)), [row[x] for row in rows], rotation=45 if slanted else 0, ha="right" if slanted else "center", fontsize=6.5)
    axes.yaxis.set_major_formatter(lambda v, _: config.show(column, v))
    if panel["options"]["showValue"] == "always":
        for i, value in enumerate(values):
            axes.text(i, value, config.show(column, value), ha="center", va="bottom", color=TEXT, fontsize=7)


def bargauge(figure, box, size, panel, config, rows):
    axes = axes_in(figure, box, size, (2.0, 0.1, 0.15, 0.05))
    column = next(c for c in rows[0] if c not in PLUMBING | {"test"})
    rows = rows[:12][::-1]
    axes.grid(False)
    axes.barh([row["test"][:32] for row in rows], [row[column] for row in rows], height=0.7,
              color=[plt.cm.plasma(0.25 + 0.6 * i / len(rows)) for i in range(len(rows))])
    for y, row in enumerate(rows):
        axes.text(row[column], y, " " + config.show(column, row[column]), va="center", color=TEXT, fontsize=7)
    axes.set_xticks([])
    axes.margins(x=0.12)


def states(figure, box, size, panel, config, rows):
    lines = series(rows)
    axes = axes_in(figure, box, size, (2.4, 0.34, 0.15, 0.05))
    axes.grid(False)
    held = panel["type"] == "state-timeline"
    for y, points in enumerate(lines.values()):
        for i, (at, value) in enumerate(points):
            start = date2num(at)
            end = date2num(points[i + 1][0]) if held and i + 1 < len(points) else start + 0.8
            axes.barh(y, end - start, left=start, height=0.8, color=config.colour(None, value), alpha=0.75, linewidth=0)
    axes.set_yticks(range(len(lines)), [label[-44:] for label in lines], fontsize=6.5)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    dates(axes)


def table(figure, box, size, panel, config, rows):
    left, bottom, width, height = box
    axes = figure.add_axes((left + 0.006, bottom, width - 0.012, height))
    axes.axis("off")
    columns = sorted(panel["transformations"][0]["options"]["indexByName"], key=panel["transformations"][0]["options"]["indexByName"].get)
    lines = int(height * size[1] / 0.235) - 1
    fit = max(1, min(len(rows), lines))
    shown = [[config.show(c, row[c]) if row.get(c) is not None else "" for c in columns] for row in rows[:fit]]
    room = [min(38, max(len(config.name(c)) + 2, *(len(line[i]) + 2 for line in shown))) for i, c in enumerate(columns)]
    total, share = sum(room), width * size[0] / 0.072
    room = [r * min(1, share / total) for r in room]
    axes.set_xlim(0, max(sum(room), 1))
    axes.set_ylim(lines + 0.7, -0.6)
    x = 0
    for i, column in enumerate(columns):
        axes.text(x, 0, config.name(column)[: int(room[i])], color=DIM, fontsize=7.5, va="center")
        for y, line in enumerate(shown, 1):
            text = line[i] if len(line[i]) <= room[i] else line[i][: max(1, int(room[i]) - 2)] + "…"
            axes.text(x, y, text, color=config.colour(column, rows[y - 1].get(column)), fontsize=7.5, va="center")
        x += room[i]
    for y in range(fit):
        axes.axhline(y + 0.5, color=GRID, linewidth=0.5)


KINDS = {"stat": stat, "timeseries": timeseries, "barchart": barchart, "bargauge": bargauge, "table": table,
         "state-timeline": states, "status-history": states}


def draw_panel(figure, box, size, panel, title, rows):
    if panel["type"] == "row":
        figure.text(box[0], box[1] + box[3] / 2, "▾ " + title, color=TEXT, fontsize=10.5, va="center")
        return
    inner = frame(figure, box, title, size)
    if rows:
        KINDS[panel["type"]](figure, inner, size, panel, Config(panel), rows)
