// One host: its rate against its rejections over time, and what failed and changed on it of late.

import { getJson } from "./api.js";
import { Chart, withRest } from "./charts.js";
import { byId, setText } from "./dom.js";
import { count, rate, share, span } from "./format.js";
import { isPaused, pauseText } from "./hosts.js";
import { drawOf } from "./latest.js";
import { drawTiles } from "./overview.js";

const REFRESH = 4_000; // ms
const GROUP = "host"; // both charts share their pointer

export class HostPage {
  constructor(state) {
    this._state = state;
    this._name = null;
    this._charts = [];
    this._timer = 0;
  }

  open(name) {
    this.close();
    this._name = name;
    setText(byId("host-name"), name);
    byId("host-tiles").replaceChildren();
    byId("host-tiles").keyedRows = undefined;
    const words = (columns) => this._inWords(columns);
    this._charts = [
      new Chart(byId("host-rate"), {
        height: 220, group: GROUP, describe: words,
        series: [
          { label: "rate", colour: "--blue", kind: "line", fill: true, format: rate },
          { label: "learned limit", colour: "--muted", kind: "step", format: rate },
        ],
      }),
      new Chart(byId("host-rejections"), {
        height: 130, group: GROUP, counts: true, describe: rejectionsInWords,
        series: [
          { label: "rejections", colour: "--amber", kind: "bars", format: count },
          { label: "failures", colour: "--red", kind: "bars", slim: true, format: count },
        ],
      }),
    ];
    this._refresh();
    this.draw();
  }

  close() {
    clearTimeout(this._timer);
    this._charts.forEach((chart) => chart.destroy());
    this._charts = [];
    this._name = null;
  }

  get isOpen() {
    return this._name !== null;
  }

  draw() {
    if (!this.isOpen) return;
    const now = Date.now();
    const host = this._state.hosts.get(this._name);
    drawOf(this._name, this._state);
    byId("host-pause").hidden = !host || !isPaused(host, now);
    if (!host) return;
    setText(byId("host-pause"), `Paused for ${pauseText(host, now)}`);
    drawTiles(byId("host-tiles"), [
      { name: "Rate now", value: `${rate(host.rate)}/s`, under: "requests per second" },
      { name: "Learned limit", value: host.limit == null ? "–" : `${rate(host.limit)}/s`, under: "what its pace allows" },
      { name: "Requests", value: count(host.requests), under: `${count(host.in_flight)} in flight` },
      { name: "Rejections", value: count(host.rejections), under: share(host.rejections, host.requests), alarm: host.rejections ? "warn" : null },
      { name: "Failures", value: count(host.failures), under: "pages", alarm: host.failures ? "bad" : null },
    ]);
  }

  async _refresh() {
    const name = this._name;
    const none = byId("host-none");
    try {
      const history = await getJson(`api/hosts/${encodeURIComponent(name)}/history`);
      if (name !== this._name) return;
      none.hidden = true;
      this._fill(history);
    } catch (error) {
      if (name !== this._name) return;
      setText(none, error.status === 404 ? "This host was not asked since the service began." : error.message);
      none.hidden = false;
    }
    this._timer = setTimeout(() => this._refresh(), REFRESH);
  }

  _fill(history) {
    if (!history.points.length) return;
    const measured = history.points.map((point) => ({ ...point, at: Date.parse(point.at) / 1000 }));
    const points = withRest(measured, history.step, (before) => ({ ...before, rate: 0, rejections: 0, failures: 0 }));
    const times = points.map((point) => point.at);
    this._charts[0].set([times, points.map((p) => p.rate), points.map((p) => p.limit)]);
    this._charts[1].set([times, points.map((p) => p.rejections), points.map((p) => p.failures)]);
  }

  _inWords([times, rates, limits]) {
    const last = rates.length - 1;
    const limit = limits[last] == null ? "no limit learned yet" : `a learned limit of ${rate(limits[last])}`;
    return `Line chart of ${this._name} over ${span(times[last] - times[0])}: ${rate(rates[last])} requests per second now, ${limit}, ${rate(Math.max(...rates))} at most.`;
  }
}

function rejectionsInWords([times, rejections, failures]) {
  const sum = (list) => list.reduce((all, n) => all + n, 0);
  return `Bar chart over ${span(times[times.length - 1] - times[0])}: ${count(sum(rejections))} rejections and ${count(sum(failures))} failed pages in all.`;
}
