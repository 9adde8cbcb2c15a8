// Puts the page together: state, stream, views, and which of them is shown.

import { Announcer } from "./announce.js";
import { Crawls } from "./crawls.js";
import { byId, el, keyed, setAttribute, setText } from "./dom.js";
import { span } from "./format.js";
import { HostPage } from "./host.js";
import { HostTable } from "./hosts.js";
import { drawChanges, drawFailures } from "./latest.js";
import { Live } from "./live.js";
import { Overview } from "./overview.js";
import { State } from "./state.js";

const ALL = new Set(["stats", "crawls", "hosts", "history", "failures", "changes", "loaded"]);

const state = new State();
const announcer = new Announcer();
const overview = new Overview(state);
const crawls = new Crawls(state);
const table = new HostTable(state);
const hostPage = new HostPage(state);
let connection = { state: "connecting" };

function draw(changed) {
  if (changed.has("stats")) drawHealth();
  if (changed.has("crawls")) announcer.watch(state.crawls.values());
  if (hostPage.isOpen) {
    hostPage.draw();
    return;
  }
  overview.draw(changed);
  if (changed.has("crawls")) crawls.draw();
  if (changed.has("hosts") || changed.has("stats")) table.draw(changed.has("loaded"));
  if (changed.has("failures")) drawFailures(state.failures);
  if (changed.has("changes")) drawChanges(state.changes);
}

function drawHealth() {
  const { status, reasons } = state.stats;
  const pill = byId("health");
  if (pill.dataset.state !== "unknown" && pill.dataset.state !== status) announcer.say("health", `The service is ${status}. ${reasons.join(". ")}`);
  setAttribute(pill, "data-state", status);
  setText(byId("health-text"), status);
  byId("reasons").hidden = !reasons.length;
  keyed(byId("reasons"), reasons, (reason) => reason, (reason) => el("li", {}, reason), () => {});
}

function showConnection(status) {
  const was = connection.state;
  connection = status;
  const lost = status.state === "lost";
  setAttribute(byId("connection"), "data-state", status.state);
  setText(byId("connection"), lost ? "not live" : "live");
  byId("lost").hidden = !lost;
  document.body.classList.toggle("stale", lost);
  if (lost) {
    setText(byId("lost-text"), `${status.reason} What is shown may be old; trying again${untilNext(status)}.`);
  } else if (was === "lost") announcer.say("connection", "Connected again");
}

function untilNext(status) {
  const seconds = (status.at - Date.now()) / 1000;
  return seconds > 1.5 ? ` in ${span(seconds)}` : "";
}

function route() {
  const match = /^#\/host\/(.+)$/.exec(location.hash);
  byId("overview").hidden = Boolean(match);
  byId("host").hidden = !match;
  if (match) {
    const name = decodeName(match[1]);
    hostPage.open(name);
    document.title = `${name} · Canter`;
  } else {
    hostPage.close();
    document.title = "Canter";
    if (state.loaded) draw(ALL);
  }
}

function decodeName(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const live = new Live({ load: () => state.load(), take: (name, data) => state.take(name, data), show: showConnection });

state.onChange(draw);
addEventListener("hashchange", () => {
  if (location.hash === "#main") return;
  route();
  scrollTo(0, 0);
  byId("main").focus({ preventScroll: true });
});
byId("retry").addEventListener("click", () => live.connect());
route();
live.connect();
fetch("health").then((response) => response.json()).then(({ version }) => setText(byId("version"), version), () => {});
