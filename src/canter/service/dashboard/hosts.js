// The table of hosts: sorted by any column, filtered, changed in place.

import { byId, el, keyed, setAttribute, setStyle, setText } from "./dom.js";
import { NONE, count, plural, rate, span } from "./format.js";

const SHOWN = matchMedia("(max-width: 720px)").matches ? 12 : 50; // rows at first
const UNSEEN_EVERY = 5_000; // ms; rows out of sight need not be right at each moment
const REORDER_EVERY = 2_000; // ms; rows that jump each moment cannot be read

const pausedFor = (host, now) => (host.paused_until ? Math.max(0, (Date.parse(host.paused_until) - now) / 1000) : 0);

const COLUMNS = [
  { key: "host", label: "Host", text: true, of: (host) => host.host },
  { key: "rate", label: "Rate now", hint: "requests per second", of: (host) => host.rate, show: (host) => rate(host.rate) },
  { key: "limit", label: "Learned limit", hint: "requests per second that its pace allows", of: (host) => host.limit ?? -1, show: (host) => rate(host.limit) },
  { key: "in_flight", label: "In flight", of: (host) => host.in_flight, show: (host) => count(host.in_flight) },
  { key: "requests", label: "Requests", of: (host) => host.requests, show: (host) => count(host.requests) },
  { key: "rejections", label: "Rejections", hint: "answers with 429 or 503", alarm: "warn", of: (host) => host.rejections, show: (host) => count(host.rejections) },
  { key: "failures", label: "Failures", hint: "pages that failed", alarm: "bad", of: (host) => host.failures, show: (host) => count(host.failures) },
  { key: "pause", label: "Pause, and why", text: true, of: (host, now) => pausedFor(host, now), show: pauseText },
];

const KINDS = {
  all: () => true,
  active: (host) => host.rate > 0 || host.in_flight > 0,
  paused: (host, now) => pausedFor(host, now) > 0,
  rejections: (host) => host.rejections > 0,
  failures: (host) => host.failures > 0,
};

export const hostLink = (name) => `#/host/${encodeURIComponent(name)}`;

export function pauseText(host, now) {
  const seconds = pausedFor(host, now);
  return seconds > 0 ? `${span(seconds)}${host.pause_reason ? ` · ${host.pause_reason}` : ""}` : NONE;
}

export const isPaused = (host, now) => pausedFor(host, now) > 0;

export class HostTable {
  constructor(state) {
    this._state = state;
    this._sort = { key: "rate", down: true };
    this._order = [];
    this._ordered = 0;
    this._shown = SHOWN;
    this._table = byId("host-table");
    this._body = byId("host-rows");
    this._filter = byId("host-filter");
    this._kind = byId("host-kind");
    this._sight = new IntersectionObserver((entries) => this._see(entries), { rootMargin: "300px" });
    this._heads();
    this._filter.addEventListener("input", () => this.draw(true));
    this._kind.addEventListener("change", () => this.draw(true));
    byId("more-hosts").addEventListener("click", () => {
      this._shown = this._shown > SHOWN ? SHOWN : Infinity;
      this.draw(true);
    });
  }

  _heads() {
    const select = byId("host-sort");
    this._columns = COLUMNS.map((column) => {
      const button = el("button", { type: "button", title: column.hint }, column.label, el("span", { class: "arrow", "aria-hidden": "true" }));
      button.addEventListener("click", () => this._sortBy(column));
      const head = el("th", { scope: "col", role: "columnheader", class: column.text ? null : "number" }, button);
      byId("host-head").append(head);
      select.append(el("option", { value: column.key }, `Sort: ${column.label.toLowerCase()}`));
      return { ...column, head };
    });
    select.addEventListener("change", () => {
      const column = COLUMNS.find((one) => one.key === select.value);
      this._sort = { key: column.key, down: column.key !== "host" };
      this.draw(true);
    });
  }

  _sortBy(column) {
    const again = this._sort.key === column.key;
    this._sort = { key: column.key, down: again ? !this._sort.down : column.key !== "host" };
    this.draw(true);
  }

  /** `afresh`: the order too; else it is left alone for a moment, and while somebody is at a row. */
  draw(afresh = false) {
    const now = Date.now();
    const busy = this._body.matches(":hover, :focus-within");
    if (afresh || (!busy && now - this._ordered > REORDER_EVERY) || this._state.hosts.size < this._order.length) {
      this._order = this._ordering(now);
      this._ordered = now;
      this._showSort();
    }
    const all = this._order.map((name) => this._state.hosts.get(name)).filter(Boolean);
    keyed(this._body, all.slice(0, this._shown), (host) => host.host, (host) => this._row(host), (row, host) => {
      row.host = host.host;
      if (row.inSight || now - row.filled > UNSEEN_EVERY) this._fill(row, host, now);
    });
    this._showNotes(all, now);
  }

  _see(entries) {
    for (const { target, isIntersecting } of entries) {
      target.inSight = isIntersecting;
      const host = this._state.hosts.get(target.host);
      if (isIntersecting && host) this._fill(target, host, Date.now());
    }
  }

  _ordering(now) {
    const wanted = this._filter.value.trim().toLowerCase();
    const kind = KINDS[this._kind.value];
    const column = COLUMNS.find((one) => one.key === this._sort.key);
    const turn = this._sort.down ? -1 : 1;
    return [...this._state.hosts.values()]
      .filter((host) => host.host.toLowerCase().includes(wanted) && kind(host, now))
      .map((host) => [column.of(host, now), host.host])
      .sort(([a, nameA], [b, nameB]) => turn * compare(a, b) || compare(nameA, nameB))
      .map(([, name]) => name);
  }

  _showSort() {
    for (const { key, head } of this._columns) {
      const direction = this._sort.down ? "descending" : "ascending";
      setAttribute(head, "aria-sort", key === this._sort.key ? direction : "none");
    }
    byId("host-sort").value = this._sort.key;
  }

  _showNotes(all, now) {
    const hosts = [...this._state.hosts.values()];
    const paused = hosts.filter((host) => isPaused(host, now)).length;
    const active = hosts.filter(KINDS.active).length;
    const note = hosts.length ? `${plural(hosts.length, "host")}, ${count(active)} asked now, ${count(paused)} paused` : "";
    setText(byId("hosts-note"), note);
    this._table.hidden = !all.length;
    const none = byId("no-hosts");
    none.hidden = all.length > 0 || !this._state.loaded;
    setText(none, hosts.length ? "No host fits the filter." : "No host was asked since the service began.");
    const more = byId("more-hosts");
    more.hidden = all.length <= SHOWN;
    setText(more, this._shown > SHOWN ? `Show ${SHOWN} only` : `Show all ${count(all.length)}`);
  }

  _row(host) {
    const row = el("tr", { role: "row" });
    row.ours = COLUMNS.map((column) => {
      const cell = el("td", { role: "cell", class: `${column.text ? "" : "number"} c-${column.key}`, "data-label": column.label });
      if (column.key === "host") cell.append(el("a", { href: hostLink(host.host) }, host.host));
      if (column.key === "rate") cell.append(el("span"), el("i", { class: "meter", "aria-hidden": "true" }));
      row.append(cell);
      return cell;
    });
    row.inSight = false;
    row.filled = 0;
    this._sight.observe(row);
    return row;
  }

  _fill(row, host, now) {
    row.filled = now + 1_000 * Math.random(); // not all of them at once
    COLUMNS.forEach((column, n) => {
      const cell = row.ours[n];
      if (column.key === "host") return;
      const text = column.show(host, now);
      setText(column.key === "rate" ? cell.firstChild : cell, text);
      if (column.alarm) cell.classList.toggle(column.alarm, column.of(host, now) > 0);
      if (column.key === "rate") setStyle(cell.lastChild, "--part", part(host));
    });
    row.classList.toggle("paused", isPaused(host, now));
  }
}

const part = (host) => (host.limit ? Math.min(1, host.rate / host.limit).toFixed(2) : "0");

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
