"use strict";
// Draws the history of a test: stacked charts with one cursor. The page has the same numbers in a table.
const data = JSON.parse(document.getElementById("data").textContent), count = data.t.length;
const boxes = [...document.querySelectorAll(".chart")], tip = document.getElementById("tip");
const positions = data.t.map((_, i) => i);
const verdicts = ["suspect", "regression", "improvement", "failed"];
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC", hour12: false });
const pen = document.createElement("canvas").getContext("2d"), small = "11px system-ui";
pen.font = small;
let plots = [], zoomed = null, owner = 0;

const colour = name => {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const is = getComputedStyle(probe).color;
  probe.remove();
  return is;
};
const digits = v => Math.abs(v) >= 99.95 ? v.toFixed(0) : String(+v.toPrecision(3));
const amount = (v, unit) => v == null ? "–" : unit !== "s" ? digits(v) + " " + unit
  : v === 0 ? "0 s" : Math.abs(v) < .0009995 ? digits(v * 1e6) + " µs" : Math.abs(v) < .9995 ? digits(v * 1e3) + " ms" : digits(v) + " s";
const state = (name, otherwise) => new URLSearchParams(location.search).get(name) ?? otherwise;
const change = pairs => {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(pairs)) if (value == null) query.delete(name); else query.set(name, value);
  history.replaceState(null, "", "?" + query);
};
const seconds = x => state("x", "run") === "time" ? x : data.t[Math.max(0, Math.min(count - 1, Math.round(x)))];

// The zoom is in the address as two times, so that it holds for either axis.
function range(xs) {
  const from = +state("from", 0), to = +state("to", 0);
  if (!from || !to) return [xs[0], xs[count - 1]];
  if (state("x", "run") === "time") return [from, to];
  const first = data.t.findIndex(t => t >= from), last = data.t.findLastIndex(t => t <= to);
  return first < 0 || last < first ? [xs[0], xs[count - 1]] : [first, last];
}

function draw() {
  const across = state("x", "run"), up = state("y", "zero"), xs = across === "run" ? positions : data.t;
  const names = ["dim", "line", "data", "band", "panel", "regression", "suspect", "improvement"];
  const c = Object.fromEntries(names.map(name => [name, colour(name)]));
  c.failed = c.regression;
  let [from, to] = range(xs);
  if (from === to) { from -= 1; to += 1 }
  plots.forEach(plot => plot.destroy());
  plots = boxes.map((box, m) => plot(box, m, { across, up, xs, from, to, c }));
}

function plot(box, m, { across, up, xs, from, to, c }) {
  box.replaceChildren();
  const metric = data.metrics[m], last = m === boxes.length - 1, scale = devicePixelRatio;
  const points = (u, series, first, end) => {
    const { ctx } = u, many = end - first > 300;
    ctx.save();
    for (let i = first; i <= end; i++) {
      const is = verdicts.includes(metric.verdict[i]) ? metric.verdict[i] : "", failed = metric.failed[i] != null;
      const value = failed ? metric.failed[i] : metric.v[i] ?? metric.other[i], other = metric.other[i] != null;
      if (value == null || many && !is && !failed && !other) continue;
      const x = u.valToPos(xs[i], "x", true), y = u.valToPos(value, "y", true);
      ctx.beginPath();
      if (failed) {
        const arm = 4 * scale;
        ctx.strokeStyle = c.failed; ctx.lineWidth = 1.6 * scale;
        ctx.moveTo(x - arm, y - arm); ctx.lineTo(x + arm, y + arm); ctx.moveTo(x + arm, y - arm); ctx.lineTo(x - arm, y + arm); ctx.stroke();
        continue;
      }
      ctx.fillStyle = is ? c[is] : other ? c.panel : c.data;
      ctx.arc(x, y, (is ? 4 : other ? 3 : 1.8) * scale, 0, 7); ctx.fill();
      if (other && !is) { ctx.lineWidth = 1.2 * scale; ctx.strokeStyle = c.data; ctx.stroke() }
      if (is) { ctx.lineWidth = 1.5 * scale; ctx.strokeStyle = c.panel; ctx.stroke() }
    }
    ctx.restore();
  };
  const mark = u => {
    const at = data.change;
    if (at < 1) return;
    const x = u.valToPos((xs[at] + xs[at - 1]) / 2, "x", true), { ctx, bbox } = u;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = c.regression; ctx.lineWidth = scale; ctx.setLineDash([4 * scale, 3 * scale]);
    ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
    if (m === 0) {
      ctx.fillStyle = c.regression; ctx.font = `${12 * scale}px system-ui`;
      const left = x - bbox.left > bbox.width / 2;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText(data.label, x + (left ? -6 : 6) * scale, bbox.top + 14 * scale);
    }
    ctx.restore();
  };
  // Where the machine changed: a hairline, with what is new where there is room.
  const hairlines = u => {
    const { ctx, bbox } = u;
    let free = bbox.left;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = c.dim; ctx.lineWidth = Math.max(1, scale / 2); ctx.font = `${11 * scale}px system-ui`; ctx.textAlign = "left";
    for (const { at, label } of data.machines) {
      const x = Math.round(u.valToPos((xs[at] + xs[at - 1]) / 2, "x", true)) + .5;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.globalAlpha = .6;
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      ctx.globalAlpha = 1;
      const width = ctx.measureText(label).width + 10 * scale;
      if (m === 0 && x >= free && x + width < bbox.left + bbox.width) {
        ctx.fillText(label, x + 4 * scale, bbox.top + bbox.height - 5 * scale);
        free = x + width;
      }
    }
    ctx.restore();
  };
  // The last run has a label, and others as there is room.
  const splits = (u, axis, min, max) => {
    const first = Math.max(0, Math.ceil(min)), last = Math.min(count - 1, Math.floor(max)), all = [];
    const step = Math.max(1, Math.ceil((last - first) / Math.max(1, Math.floor(u.bbox.width / scale / space))));
    for (let i = last; i >= first; i -= step) all.unshift(i);
    return all;
  };
  const axis = { stroke: c.dim, grid: { stroke: c.line, width: 1 }, ticks: { show: false }, font: small };
  const overhang = across === "run" ? Math.ceil(pen.measureText(shorten(data.run[Math.min(count - 1, Math.floor(to))])).width / 2) : 0;
  const space = Math.max(innerWidth < 820 ? 80 : 110, 2 * overhang + 12);
  const u = new uPlot({
    width: box.clientWidth, height: (m === 0 ? 220 : 140) + (last ? 26 : 0), padding: [6, Math.max(34, overhang), last ? 0 : 9, 0], legend: { show: false },
    cursor: { sync: { key: "runs", setSeries: false }, y: false, drag: { x: true, y: false, setScale: false }, points: { show: (u, s) => s === 4 && dot() } },
    scales: { x: { time: across === "time", range: () => [from, to] }, y: up === "log" ? { distr: 3 } : { range: (u, low, high) => {
      if (low == null) return [0, 1];
      if (up === "zero") return [Math.min(0, low), high <= 0 ? 1 : high * 1.06];
      const room = (high - low || Math.abs(high) || 1) * .12;
      return [low < 0 ? low - room : Math.max(0, low - room), high + room];
    } } },
    axes: [{ ...axis, show: last, size: last ? 30 : 0, grid: { show: false }, space, splits: across === "run" ? splits : undefined, values: across === "run" ? (u, at) => at.map(i => shorten(data.run[i])) : undefined },
      { ...axis, size: 66, space: 34, values: (u, at) => at.map(v => v == null ? "" : amount(v, metric.unit)) }],
    series: [{}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } },
      { stroke: c.dim, width: 1, dash: [5, 4], points: { show: false } }, { stroke: c.data, width: 1.4, spanGaps: true, points: { show: points } },
      { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }],
    bands: [{ series: [2, 1], fill: c.band }],
    hooks: { draw: [hairlines, mark], setCursor: [u => show(u, m)], setSelect: [u => {
      if (u.select.width < 5) return;
      zoomed = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
      const [first, end] = zoomed;
      change({ from: Math.floor(seconds(across === "run" ? Math.floor(first) : first)), to: Math.ceil(seconds(across === "run" ? Math.ceil(end) : end)) });
      setTimeout(draw);
    }] },
  }, [xs, log(metric.low, up), metric.high, metric.usual, log(metric.v, up), log(metric.failed, up), log(metric.other, up)], box);
  u.over.addEventListener("dblclick", () => { change({ from: null, to: null }); draw() });
  u.over.addEventListener("mouseleave", () => { tip.hidden = true });
  return u;
}
const dot = () => { const is = document.createElement("div"); is.className = "dot-at"; return is };
const log = (values, up) => up === "log" ? values.map(v => v > 0 ? v : null) : values;
const shorten = run => run == null ? "" : /^[0-9a-f]{32}$/.test(run) ? run.slice(0, 7) : run.length > 14 ? run.slice(0, 13) + "…" : run;

boxes.forEach((box, m) => {
  box.addEventListener("mouseenter", () => { owner = m });
  box.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
    if (!step) return;
    event.preventDefault();
    owner = m;
    const u = plots[m], at = Math.max(0, Math.min(count - 1, (u.cursor.idx ?? count - 1) + step));
    u.setCursor({ left: u.valToPos(u.data[0][at], "x"), top: 10 });
  });
});

function show(u, m) {
  if (m !== owner) return;
  const i = u.cursor.idx;
  if (i == null || u.cursor.left < 0) { tip.hidden = true; return }
  const add = (to, tag, text, name) => { const e = document.createElement(tag); e.textContent = text; if (name) e.className = name; to.append(e); return e };
  tip.replaceChildren();
  add(tip, "b", shorten(data.run[i])); tip.append(" "); add(tip, "code", data.commit[i].slice(0, 7)); add(tip, "br", "");
  const machine = data.machines.find(change => change.at === i);
  if (machine) { add(tip, "span", "from here on " + machine.label, "dim"); add(tip, "br", "") }
  add(tip, "span", day.format(data.t[i] * 1e3) + " UTC" + (data.branch[i] ? " on " + data.branch[i] : ""), "dim");
  const table = add(tip, "table", "");
  for (const metric of data.metrics) {
    const row = add(table, "tr", ""), failed = metric.failed[i] != null, is = failed ? "failed" : metric.verdict[i];
    add(row, "td", metric.title); add(row, "td", amount(failed ? metric.failed[i] : metric.v[i] ?? metric.other[i], metric.unit)); add(row, "td", is || "", is ? "st " + is : "");
  }
  tip.hidden = false;
  const host = tip.parentElement.getBoundingClientRect(), over = u.over.getBoundingClientRect();
  const x = over.left - host.left + u.cursor.left, width = tip.offsetWidth;
  tip.style.left = (x + width + 20 > host.width ? Math.max(4, x - width - 14) : x + 14) + "px";
  tip.style.top = over.top - host.top + 8 + "px";
}

addEventListener("click", event => {
  const link = event.target.closest?.("[data-redraw] a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const standard = { x: "run", y: "zero" }[link.dataset.name];
  change({ [link.dataset.name]: link.dataset.value === standard ? null : link.dataset.value });
  for (const other of link.parentElement.children) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  draw();
});
document.querySelector(".hint").hidden = false;
draw();
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw() } });
addEventListener("themechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
