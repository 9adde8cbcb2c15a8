// The headline, the tiles, outcomes and error types, and the speed over time.

import { Chart, smooth } from "./charts.js";
import { isLive } from "./crawls.js";
import { byId, el, keyed, setAttribute, setStyle, setText } from "./dom.js";
import { NONE, bytes, count, milliseconds, plural, rate, share, span } from "./format.js";
import { isPaused } from "./hosts.js";

const OUTCOMES = [["ok", "ok"], ["not_modified", "not modified"], ["gone", "gone"], ["failed", "failed"]];

export const SPEED = [
  { label: "pages/s", colour: "--blue", kind: "line", fill: true, format: rate },
  { label: "failed/s", colour: "--red", kind: "line", format: rate },
  { label: "rejected/s", colour: "--amber", kind: "line", format: rate },
];

/** Tiles in `list`: `{name, value, under, alarm}`; made once, then only their texts change. */
export function drawTiles(list, tiles) {
  const create = (tile) => el("div", { class: "tile" }, el("dt", {}, tile.name), el("dd", { class: "big" }), el("dd", { class: "under" }));
  keyed(list, tiles, (tile) => tile.name, create, (node, tile) => {
    setText(node.children[1], tile.value);
    setText(node.children[2], tile.under ?? "");
    setAttribute(node, "data-alarm", tile.alarm ?? null);
  });
}

export class Overview {
  constructor(state) {
    this._state = state;
    this._chart = null;
  }

  draw(changed) {
    const { stats } = this._state;
    if (stats && changed.has("stats")) {
      this._drawTiles(stats);
      drawOutcomes(stats);
      drawErrors(stats);
    }
    if (changed.has("crawls") || changed.has("stats")) setText(byId("headline"), this.headline());
    if (changed.has("history")) this._drawSpeed();
  }

  /** The state of things in a sentence. */
  headline() {
    const crawls = [...this._state.crawls.values()];
    const running = crawls.filter((crawl) => crawl.state === "running");
    const queued = crawls.filter((crawl) => crawl.state === "queued").length;
    if (!this._state.loaded) return "Connecting to the service…";
    if (running.length) {
      const done = running.reduce((sum, crawl) => sum + crawl.progress.done, 0);
      const total = running.reduce((sum, crawl) => sum + crawl.progress.total, 0);
      const etas = running.map((crawl) => crawl.progress.eta_seconds);
      const left = etas.includes(null) ? "" : `, about ${span(Math.max(...etas))} to go`;
      const what = running.length === 1 ? `Crawl ${running[0].id}` : plural(running.length, "crawl");
      return `${what}: ${count(done)} of ${count(total)} pages${left}${queued ? `; ${count(queued)} queued` : ""}`;
    }
    if (queued) return `${plural(queued, "crawl")} queued`;
    const last = crawls.filter((crawl) => !isLive(crawl)).sort((a, b) => b.id - a.id)[0];
    if (!last) return "Ready for the first crawl";
    return `At rest. Crawl ${last.id} ${last.state}: ${plural(last.summary.pages, "page")}, ${count(last.summary.failed)} failed`;
  }

  _drawTiles(stats) {
    const now = Date.now();
    const hosts = [...this._state.hosts.values()];
    const active = hosts.filter((host) => host.rate > 0).length;
    const paused = hosts.filter((host) => isPaused(host, now)).length;
    const failed = stats.outcomes.failed ?? 0;
    drawTiles(byId("tiles"), [
      { name: "Pages per second", value: rate(stats.pages_per_second), under: `${rate(stats.requests_per_second)} requests/s` },
      { name: "Pages", value: count(stats.pages), under: `${bytes(stats.bytes)} read` },
      { name: "Failed", value: share(failed, stats.pages), under: `${plural(failed, "page")}`, alarm: failed > 0.02 * stats.pages ? "bad" : null },
      { name: "Rejected", value: share(stats.rejected, stats.requests), under: `${plural(stats.rejected, "answer")} 429 or 503`, alarm: stats.rejected > 0.02 * stats.requests ? "warn" : null },
      { name: "In flight", value: count(stats.in_flight), under: `${count(active)} hosts asked, ${count(paused)} paused` },
      { name: "Memory", value: `${count(Math.round(stats.rss_mb))} MB`, under: `loop lag ${milliseconds(stats.lag)}` },
    ]);
  }

  _drawSpeed() {
    const points = this._state.history;
    if (points.length < 2 || !(this._chart || points.some((point) => point.pages || point.failed))) return;
    this._chart ??= new Chart(byId("speed"), { series: SPEED, height: 230, describe: speedInWords });
    const columns = ["pages", "failed", "rejected"].map((name) => smooth(points.map((point) => point[name])));
    this._chart.set([points.map((point) => point.at), ...columns]);
  }
}

function speedInWords([times, pages, failed]) {
  const mean = pages.reduce((sum, n) => sum + n, 0) / pages.length;
  return (
    `Line chart of the last ${span(times[times.length - 1] - times[0])}: ${rate(pages[pages.length - 1])} pages per second now, ` +
    `${rate(mean)} on average, ${rate(Math.max(...pages))} at most; ${rate(failed[failed.length - 1])} failures per second now.`
  );
}

function drawOutcomes(stats) {
  const rows = OUTCOMES.map(([key, label]) => ({ key, label, pages: stats.outcomes[key] ?? 0 }));
  const bar = byId("outcome-bar");
  keyed(bar, rows, (row) => row.key, (row) => el("i", { class: `o-${row.key}` }), (node, row) =>
    setStyle(node, "--part", stats.pages ? (row.pages / stats.pages).toFixed(4) : "0"));
  const create = (row) =>
    el("tr", {}, el("th", { scope: "row" }, el("i", { class: `swatch o-${row.key}`, "aria-hidden": "true" }), row.label), el("td", { class: "number" }), el("td", { class: "number quiet" }));
  keyed(byId("outcomes"), rows, (row) => row.key, create, (node, row) => {
    setText(node.children[1], count(row.pages));
    setText(node.children[2], row.pages ? share(row.pages, stats.pages) : NONE);
  });
}

function drawErrors(stats) {
  const rows = Object.entries(stats.errors).filter(([, pages]) => pages > 0).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const most = rows.length ? rows[0][1] : 1;
  byId("no-errors").hidden = rows.length > 0;
  const create = ([name]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "bar-cell" }, el("i", { class: "bar", "aria-hidden": "true" })), el("td", { class: "number" }));
  keyed(byId("errors"), rows, ([name]) => name, create, (node, [, pages]) => {
    setStyle(node.children[1].firstChild, "--part", (pages / most).toFixed(3));
    setText(node.children[2], count(pages));
  });
}
