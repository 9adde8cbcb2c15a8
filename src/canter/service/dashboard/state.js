// What the page knows: loaded once, then kept true by events. Views are told what changed, a few times a second.

import { getJson } from "./api.js";
import { withRest } from "./charts.js";

const MOST_ROWS = 60; // failures, and changes
const MOST_POINTS = 900; // of the chart; past it the service's own shorter history is taken
const DRAW_EVERY = 300; // ms
const SUMMARIES_EVERY = 4_000; // ms

export class State {
  constructor() {
    this.stats = null;
    this.crawls = new Map();
    this.hosts = new Map();
    this.failures = [];
    this.changes = [];
    this.history = [];
    this.loaded = false;
    this._listeners = [];
    this._dirty = new Set();
    this._timer = 0;
    this._reloading = false;
    this._summarized = 0;
    document.addEventListener("visibilitychange", () => this._draw());
  }

  /** `listener(changed)` is called with the set of names that changed since the last time. */
  onChange(listener) {
    this._listeners.push(listener);
  }

  /** Everything as it is now; events that follow change it. */
  async load() {
    const [crawls, hosts, history, latest] = await Promise.all(
      ["api/crawls", "api/hosts", "api/history", "api/latest"].map((path) => getJson(path)),
    );
    this.crawls = new Map(crawls.crawls.map((crawl) => [crawl.id, crawl]));
    this.hosts = new Map(hosts.hosts.map((host) => [host.host, host]));
    this.history = pointsOf(history);
    this.failures = latest.failures.slice(0, MOST_ROWS);
    this.changes = latest.changes.slice(0, MOST_ROWS);
    this.loaded = true;
    this.touch("crawls", "hosts", "history", "failures", "changes", "loaded");
  }

  /** Takes one event of the stream. */
  take(name, data) {
    if (name === "stats") this._takeStats(data);
    else if (name === "hosts") this._takeHosts(data.hosts);
    else if (name === "crawl") this._takeCrawl(data);
    else if (name === "failure") this._takeLatest("failures", data);
    else if (name === "change") this._takeLatest("changes", data);
  }

  touch(...names) {
    names.forEach((name) => this._dirty.add(name));
    if (!this._timer) this._timer = setTimeout(() => this._draw(), DRAW_EVERY);
  }

  _draw() {
    clearTimeout(this._timer);
    this._timer = 0;
    if (document.hidden || !this._dirty.size) return;
    const changed = this._dirty;
    this._dirty = new Set();
    this._listeners.forEach((listener) => listener(changed));
  }

  _takeStats(stats) {
    const before = this.stats;
    this.stats = stats;
    for (const progress of stats.crawls) {
      const crawl = this.crawls.get(progress.id);
      if (!crawl) continue;
      crawl.state = progress.state;
      crawl.progress = progress;
    }
    if (before) this._extend(before, stats);
    this.touch("stats", "crawls");
    this._refreshSummaries();
  }

  /** Events tell how far a crawl is; its outcomes are asked for now and then. */
  async _refreshSummaries() {
    const running = [...this.crawls.values()].some((crawl) => crawl.state === "running");
    if (!running || document.hidden || Date.now() - this._summarized < SUMMARIES_EVERY) return;
    this._summarized = Date.now();
    try {
      const { crawls } = await getJson("api/crawls?state=running&limit=20");
      crawls.forEach((crawl) => this._takeCrawl(crawl));
    } catch {
      // the stream tells whether the service is there
    }
  }

  _extend(before, stats) {
    const seconds = Math.max(0.2, (Date.parse(stats.at) - Date.parse(before.at)) / 1000);
    const grown = (now, then) => Math.max(0, (now ?? 0) - (then ?? 0)) / seconds;
    this.history.push({
      at: Date.parse(stats.at) / 1000,
      pages: grown(stats.pages, before.pages),
      failed: grown(stats.outcomes.failed, before.outcomes.failed),
      rejected: grown(stats.rejected, before.rejected),
    });
    this.touch("history");
    if (this.history.length > MOST_POINTS) this._shorten();
  }

  async _shorten() {
    if (this._reloading) return;
    this._reloading = true;
    try {
      this.history = pointsOf(await getJson("api/history"));
    } catch {
      this.history = this.history.slice(-MOST_POINTS / 2); // the stream goes on; the past can wait
    } finally {
      this._reloading = false;
    }
  }

  _takeHosts(rows) {
    rows.forEach((row) => this.hosts.set(row.host, row));
    this.touch("hosts");
  }

  _takeCrawl(crawl) {
    this.crawls.set(crawl.id, crawl);
    this.touch("crawls");
  }

  _takeLatest(list, row) {
    if (this[list].some((one) => latestKey(one) === latestKey(row))) return;
    this[list] = [row, ...this[list]].slice(0, MOST_ROWS);
    this.touch(list);
  }
}

/** Tells failures and changes apart; the one that an event and the first load both bring is shown once. */
export const latestKey = (row) => [row.crawl, row.url, row.field ?? row.request_id, row.at].join(" ");

const pointsOf = ({ points, step }) => withRest(points.map(toPoint), step, () => ({ pages: 0, failed: 0, rejected: 0 }));

function toPoint(point) {
  return {
    at: Date.parse(point.at) / 1000,
    pages: point.pages_per_second,
    failed: point.failed_per_second,
    rejected: point.rejected_per_second,
  };
}
