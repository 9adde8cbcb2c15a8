// The crawls: how far each is, and the dialogs that begin and cancel one.

import { getJson, postJson } from "./api.js";
import { byId, el, keyed, setAttribute, setStyle, setText } from "./dom.js";
import { clock, count, plural, rate, share, span } from "./format.js";

const SHOWN = 5; // crawls that ended; those that run are always shown
const LIVE = ["running", "queued"];
const OUTCOMES = ["ok", "not_modified", "gone", "failed"];

export const isLive = (crawl) => LIVE.includes(crawl.state);

export class Crawls {
  constructor(state) {
    this._state = state;
    this._all = false;
    byId("more-crawls").addEventListener("click", () => {
      this._all = !this._all;
      this.draw();
    });
    this._cancel = cancelDialog((crawl) => state.take("crawl", crawl));
    startDialog((crawl) => state.take("crawl", crawl));
  }

  draw() {
    const all = [...this._state.crawls.values()].sort((a, b) => isLive(b) - isLive(a) || b.id - a.id);
    const live = all.filter(isLive).length;
    const rows = this._all ? all : all.slice(0, Math.max(live, SHOWN));
    keyed(byId("crawls"), rows, (crawl) => crawl.id, (crawl) => this._row(crawl), fillRow);
    byId("no-crawls").hidden = all.length > 0 || !this._state.loaded;
    setText(byId("crawls-note"), live ? `${count(live)} at work` : "");
    const more = byId("more-crawls");
    more.hidden = all.length <= Math.max(live, SHOWN);
    setText(more, this._all ? "Show fewer" : `Show all ${count(all.length)}`);
  }

  _row(crawl) {
    const parts = {
      name: el("h3"), state: el("span", { class: "tag" }), since: el("span", { class: "quiet since" }),
      percent: el("strong", { class: "percent" }), bar: el("div", { class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }),
      pages: el("span"), speed: el("span"), eta: el("span"), failed: el("span"), reason: el("p", { class: "reason" }),
      cancel: el("button", { type: "button", class: "small" }, "Cancel"),
      records: el("a", { href: `api/crawls/${crawl.id}/records`, download: `crawl-${crawl.id}.jsonl`, class: "small" }, "Records"),
    };
    OUTCOMES.forEach((outcome) => parts.bar.append(el("i", { class: `o-${outcome}` })));
    parts.cancel.addEventListener("click", () => this._cancel(crawl.id));
    const row = el(
      "li", { class: "card crawl" },
      el("div", { class: "crawl-head" }, parts.name, parts.state, parts.since, el("span", { class: "actions" }, parts.records, parts.cancel)),
      el("div", { class: "crawl-bar" }, parts.bar, parts.percent),
      el("p", { class: "facts" }, parts.pages, parts.speed, parts.eta, parts.failed),
      parts.reason,
    );
    row.parts = parts;
    return row;
  }
}

function fillRow(row, crawl) {
  const { parts } = row;
  const { progress, summary } = crawl;
  const ended = !isLive(crawl);
  const portion = progress.total ? progress.done / progress.total : crawl.state === "finished" ? 1 : 0;
  const percent = `${Math.floor(100 * portion)} %`;
  setText(parts.name, `Crawl ${crawl.id}${crawl.source ? `: ${crawl.source}` : ""}`);
  setText(parts.state, crawl.state);
  setAttribute(parts.state, "data-state", crawl.state);
  setText(parts.since, ended && crawl.finished ? `${clock(crawl.started)} to ${clock(crawl.finished)}` : `since ${clock(crawl.started)}`);
  setText(parts.percent, percent);
  setAttribute(parts.bar, "aria-valuenow", Math.floor(100 * portion));
  setAttribute(parts.bar, "aria-label", `Crawl ${crawl.id}`);
  setAttribute(parts.bar, "aria-valuetext", `${percent}, ${count(progress.done)} of ${count(progress.total)} pages`);
  const counted = OUTCOMES.reduce((sum, outcome) => sum + (summary[outcome] ?? 0), 0) || 1;
  OUTCOMES.forEach((outcome, n) => setStyle(parts.bar.children[n], "--part", ((portion * (summary[outcome] ?? 0)) / counted).toFixed(4)));
  setText(parts.pages, `${count(progress.done)} of ${count(progress.total)}${progress.fed || ended ? "" : "+"} pages`);
  setText(parts.speed, `${rate(ended ? summary.pages_per_second : progress.pages_per_second)} pages/s${ended ? " on the whole" : ""}`);
  setText(parts.eta, ended ? `took ${span(summary.seconds)}` : crawl.state === "queued" ? "waits for its turn" : progress.eta_seconds == null ? "time left not known yet" : `${span(progress.eta_seconds)} left`);
  setText(parts.failed, summary.failed ? `${plural(summary.failed, "page")} failed (${share(summary.failed, summary.pages)})` : "none failed");
  parts.failed.classList.toggle("bad", summary.failed > 0);
  setText(parts.reason, crawl.reason ?? "");
  parts.reason.hidden = !crawl.reason;
  parts.cancel.hidden = ended;
  setAttribute(parts.cancel, "aria-label", `Cancel crawl ${crawl.id}`);
  setAttribute(parts.records, "aria-label", `Records of crawl ${crawl.id}, JSON lines`);
}

function cancelDialog(done) {
  const dialog = byId("cancel-dialog");
  let crawl = 0;
  byId("cancel-close").addEventListener("click", () => dialog.close());
  byId("cancel-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      done(await postJson(`api/crawls/${crawl}/cancel`));
      dialog.close();
    } catch (error) {
      setText(byId("cancel-problem"), error.message);
    }
  });
  return (id) => {
    crawl = id;
    setText(byId("cancel-title"), `Cancel crawl ${id}?`);
    setText(byId("cancel-problem"), "");
    dialog.showModal();
  };
}

function startDialog(done) {
  const dialog = byId("start-dialog");
  const form = byId("start-form");
  const problem = byId("start-problem");
  const ofUrls = () => form.elements.of.value === "urls";
  const show = () => {
    byId("of-urls").hidden = !ofUrls();
    byId("of-source").hidden = ofUrls();
  };
  byId("start").addEventListener("click", async () => {
    setText(problem, "");
    dialog.showModal();
    try {
      const { sources } = await getJson("api/sources");
      keyed(byId("start-source"), sources, (name) => name, (name) => el("option", { value: name }, name), () => {});
      if (!sources.length) form.elements.of.value = "urls";
      form.elements.of[0].disabled = !sources.length;
      show();
    } catch (error) {
      setText(problem, error.message);
    }
  });
  byId("start-close").addEventListener("click", () => dialog.close());
  form.addEventListener("change", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const urls = byId("start-urls").value.split("\n").map((line) => line.trim()).filter(Boolean);
    const source = byId("start-source").value;
    if (ofUrls() ? !urls.length : !source) {
      setText(problem, ofUrls() ? "Give a URL, or some, one a line." : "Choose a source.");
      return;
    }
    const limit = Number(byId("start-limit").value);
    try {
      done(await postJson("api/crawls", { ...(ofUrls() ? { urls } : { source }), ...(limit > 0 && { limit }) }));
      form.reset();
      show();
      dialog.close();
    } catch (error) {
      setText(problem, error.message);
    }
  });
}
