// What a screen reader is told: what matters, at most every few seconds, the latest word on each thing.

import { byId, setText } from "./dom.js";
import { count, plural } from "./format.js";

const EVERY = 8_000; // ms

export class Announcer {
  constructor() {
    this._waiting = new Map();
    this._timer = 0;
    this._last = 0;
    this._seen = new Map();
  }

  say(about, text) {
    this._waiting.set(about, text);
    if (this._timer) return;
    this._timer = setTimeout(() => this._speak(), Math.max(200, this._last + EVERY - Date.now()));
  }

  _speak() {
    this._timer = 0;
    this._last = Date.now();
    setText(byId("announcer"), [...this._waiting.values()].join(". "));
    this._waiting.clear();
  }

  /** Crawls that began, ended or came a tenth further. */
  watch(crawls) {
    for (const crawl of crawls) {
      const tenth = crawl.progress.total ? Math.floor((10 * crawl.progress.done) / crawl.progress.total) : 0;
      const now = crawl.state === "running" ? `running ${tenth}` : crawl.state;
      const before = this._seen.get(crawl.id);
      this._seen.set(crawl.id, now);
      if (before === undefined || before === now) continue;
      const text =
        crawl.state === "running"
          ? `Crawl ${crawl.id}: ${10 * tenth} percent`
          : `Crawl ${crawl.id} ${crawl.state}: ${plural(crawl.summary.pages, "page")}, ${count(crawl.summary.failed)} failed`;
      this.say(`crawl ${crawl.id}`, text);
    }
  }
}
