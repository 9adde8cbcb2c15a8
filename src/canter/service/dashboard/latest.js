// The latest failures and the latest changed fields, of all hosts or of one.

import { byId, el, keyed, outward } from "./dom.js";
import { NONE, clock, value } from "./format.js";
import { latestKey } from "./state.js";

const LONGEST = 160; // characters of a value

const cell = (label, ...children) => el("td", { role: "cell", "data-label": label }, ...children);

function page(row) {
  let path = row.url;
  let host = row.host;
  try {
    const url = new URL(row.url);
    path = url.pathname + url.search;
    host ??= url.host;
  } catch {
    // a line that is no URL: shown as it is
  }
  return cell("Page", outward(row.url, path), host ? el("span", { class: "under" }, host) : null);
}

const when = (row) => cell("Time", el("time", { datetime: row.at }, clock(row.at)));

function failureRow(row) {
  return el(
    "tr",
    { role: "row" },
    when(row),
    page(row),
    cell("Why", el("span", { class: "tag bad" }, row.error_type ?? "failed"), el("span", { class: "under" }, row.error ?? "")),
    cell("Request", el("code", {}, row.request_id ?? NONE)),
  );
}

function changeRow(row) {
  return el(
    "tr",
    { role: "row" },
    when(row),
    page(row),
    cell("Field", row.field),
    cell("Was, and is now", el("del", {}, short(row.old)), " ", el("span", { class: "arrow-to", "aria-hidden": "true" }, "→"), " ", el("ins", {}, short(row.new))),
  );
}

function short(v) {
  const text = value(v);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Fills the table body `id`; `no-ID` beside it is shown where there is nothing. */
function fill(id, noneId, rows, create) {
  const body = byId(id);
  keyed(body, rows, latestKey, create, () => {});
  body.closest("table").hidden = !rows.length;
  byId(noneId).hidden = rows.length > 0;
}

export const drawFailures = (rows) => fill("failures", "no-failures", rows, failureRow);
export const drawChanges = (rows) => fill("changes", "no-changes", rows, changeRow);

export function drawOf(host, state) {
  const ofHost = (row) => (row.host ?? hostOf(row.url)) === host;
  fill("host-failures", "host-no-failures", state.failures.filter(ofHost), failureRow);
  fill("host-changes", "host-no-changes", state.changes.filter(ofHost), changeRow);
}

function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return null;
  }
}
