// Lines and bars over time by uPlot, in the page's colours, with a sentence and a table that say the same.

import { el, setAttribute, setText } from "./dom.js";

const { uPlot } = globalThis;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const timeOf = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const LEAST = 60; // seconds that the axis of time shows
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000];
const ROWS = 12; // of the table that stands in for a chart

/**
 * A chart in `box`. `series`: `{label, colour, kind: "line" | "step" | "bars", format}`; `colour` names a custom
 * property. `describe(columns)` gives the sentence that stands for the chart, `counts` says that there are only whole
 * numbers, charts of one `group` share their pointer.
 */
export class Chart {
  constructor(box, { series, height, describe, group, counts = false }) {
    this._counts = counts;
    this._series = series;
    this._height = height;
    this._describe = describe;
    this._group = group;
    this._data = [[], ...series.map(() => [])];
    this._plot = null;
    this._canvas = el("div", { class: "canvas", role: "img" });
    this._legend = el("ul", { class: "legend", "aria-hidden": "true" });
    this._table = el("tbody");
    const head = el("tr", {}, ...["Time", ...series.map((one) => one.label)].map((text) => el("th", { scope: "col" }, text)));
    this._details = el(
      "details",
      { class: "as-table", on: { toggle: () => this._fillTable() } },
      el("summary", {}, "As a table"),
      el("table", {}, el("thead", {}, head), this._table),
    );
    this._values = series.map((one) => {
      const shown = el("b");
      const mark = el("i", { class: `mark ${one.kind}` });
      mark.style.setProperty("--mark", `var(${one.colour})`);
      this._legend.append(el("li", {}, mark, one.label, " ", shown));
      return shown;
    });
    box.replaceChildren(this._legend, this._canvas, this._details);
    this._resize = new ResizeObserver(() => this._fit());
    this._resize.observe(this._canvas);
    this._repaint = () => this._build();
    document.addEventListener("themechange", this._repaint);
  }

  /** `columns`: times (UTC seconds), then the values of each series. */
  set(columns) {
    this._data = columns;
    if (this._plot) this._plot.setData(columns);
    else this._build();
    this._showValues(null);
    setAttribute(this._canvas, "aria-label", this._describe(columns));
    if (this._details.open) this._fillTable();
  }

  destroy() {
    this._resize.disconnect();
    document.removeEventListener("themechange", this._repaint);
    this._plot?.destroy();
  }

  _fit() {
    const width = this._canvas.clientWidth;
    if (!width) return;
    if (this._plot) this._plot.setSize({ width, height: this._height });
    else this._build();
  }

  _build() {
    const width = this._canvas.clientWidth;
    if (!width || !this._data[0].length) return;
    this._plot?.destroy();
    const axis = {
      stroke: colour("--muted"), font: "11px system-ui, sans-serif",
      grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false },
    };
    const options = {
      width, height: this._height, padding: [10, 6, 0, 0],
      legend: { show: false },
      cursor: { points: { size: 7 }, y: false, drag: { x: false, y: false }, ...(this._group && { sync: { key: this._group } }) },
      scales: { x: { time: true, range: (_, from, to) => [Math.min(from, to - LEAST), to] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.12)] } },
      axes: [
        { ...axis, grid: { show: false }, space: 70, values: (_, ticks, __, ___, step) => ticks.map((tick) => timeText(tick, step)), size: 26 },
        { ...axis, size: 40, space: 32, ...(this._counts && { incrs: WHOLE }), values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : tick.toFixed(1))) },
      ],
      series: [{}, ...this._series.map((one) => style(one))],
      hooks: { setCursor: [(plot) => this._showValues(plot.cursor.idx)] },
    };
    this._plot = new uPlot(options, this._data, this._canvas);
  }

  /** The values under the pointer, or the latest. */
  _showValues(index) {
    const at = index ?? this._data[0].length - 1;
    this._series.forEach((one, n) => setText(this._values[n], at < 0 ? "" : one.format(this._data[n + 1][at])));
  }

  _fillTable() {
    if (!this._details.open) return;
    const length = this._data[0].length;
    const step = Math.max(1, Math.ceil(length / ROWS));
    const rows = [];
    for (let n = length - 1; n >= 0; n -= step) {
      const cells = this._series.map((one, k) => el("td", { class: "number" }, one.format(this._data[k + 1][n])));
      rows.push(el("tr", {}, el("td", {}, timeOf.format(new Date(1000 * this._data[0][n]))), ...cells));
    }
    this._table.replaceChildren(...rows);
  }
}

function timeText(seconds, step) {
  const at = new Date(1000 * seconds);
  const two = (n) => String(n).padStart(2, "0");
  const text = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return step < 60 ? `${text}:${two(at.getSeconds())}` : text;
}

function style(one) {
  const stroke = colour(one.colour);
  const base = { label: one.label, stroke, width: 1.75, points: { show: false } };
  if (one.kind === "bars") return { ...base, fill: stroke, width: 0, paths: uPlot.paths.bars({ size: one.slim ? [0.3, 4, 2] : [0.9, 14, 3] }) };
  if (one.kind === "step") return { ...base, dash: [5, 4], width: 1.5, paths: uPlot.paths.stepped({ align: 1 }), spanGaps: true };
  return one.fill ? { ...base, fill: `${stroke}22` } : base;
}

/** Each value as the mean of itself and its neighbours: reports fall now into one second and now into the next. */
export const smooth = (values) =>
  values.map((_, n) => {
    const near = values.slice(Math.max(0, n - 1), n + 2);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });

/**
 * The points of a history, with rest where none were measured: a host that is not asked has no steps. `at` in seconds;
 * `rest(point)` makes of the last point before a gap what holds within it.
 */
export function withRest(points, step, rest) {
  const whole = [];
  for (const point of points) {
    const last = whole[whole.length - 1];
    if (last && point.at - last.at > 1.5 * step) {
      whole.push({ ...rest(last), at: last.at + step });
      if (point.at - last.at > 2.5 * step) whole.push({ ...rest(last), at: point.at - step });
    }
    whole.push(point);
  }
  return whole;
}

