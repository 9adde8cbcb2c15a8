// The stream of events, and what is known of the connection: live, or lost and when it is tried again.

const NAMES = ["stats", "hosts", "failure", "change", "crawl"];
const LATE_AFTER = 6_000; // ms without an event; the service sends one a second
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

export class Live {
  /** `load()` fetches the present, `take(name, data)` gets each event, `show(status)` what became of the connection. */
  constructor({ load, take, show }) {
    this._load = load;
    this._take = take;
    this._show = show;
    this._wait = FIRST_WAIT;
    this._heard = 0;
    this._source = null;
    this._retry = 0;
    setInterval(() => this._watch(), 1_000);
    addEventListener("online", () => this.connect());
  }

  /** Opens the stream, then loads the present; what happens in between waits, so that nothing falls through. */
  connect() {
    this._close();
    const source = new EventSource("api/events");
    let waiting = [];
    this._source = source;
    this._heard = Date.now();
    source.addEventListener("open", async () => {
      try {
        await this._load();
      } catch (error) {
        if (source === this._source) this._again(error.message);
        return;
      }
      waiting.forEach(([name, data]) => this._take(name, data));
      waiting = null;
      if (source === this._source) this._show({ state: "live" });
    });
    source.addEventListener("error", () => this._again("The connection to the service was lost."));
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        this._heard = Date.now();
        this._wait = FIRST_WAIT;
        const data = JSON.parse(event.data);
        if (waiting) waiting.push([name, data]);
        else this._take(name, data);
      });
    }
  }

  _close() {
    clearTimeout(this._retry);
    this._source?.close();
    this._source = null;
  }

  _again(reason) {
    this._close();
    const wait = this._wait;
    this._wait = Math.min(LONGEST_WAIT, 2 * this._wait);
    this._show({ state: "lost", reason, at: Date.now() + wait });
    this._retry = setTimeout(() => this._check(), wait);
  }

  /** The stream cannot say why it was refused; a request can, and leads to the login where a key is wanted. */
  async _check() {
    try {
      await this._load();
    } catch (error) {
      this._again(error instanceof TypeError ? "The service cannot be reached." : error.message);
      return;
    }
    this.connect();
  }

  _watch() {
    if (this._source && Date.now() - this._heard > LATE_AFTER) this._again("Nothing was heard from the service.");
  }
}
