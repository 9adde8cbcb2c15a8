// Values as people read them. Everything here is pure and gives text.

const whole = new Intl.NumberFormat("en");
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const NONE = "–";

export const count = (n) => (n == null ? NONE : whole.format(n));

/** A rate a second: one decimal below 100, none above. */
export const rate = (n) => (n == null ? NONE : n < 100 ? tenths.format(n) : whole.format(Math.round(n)));

/** A share of a whole, in percent; small ones keep a decimal. */
export function share(part, all) {
  if (!all) return NONE;
  const percent = (100 * part) / all;
  if (part > 0 && percent < 0.05) return "< 0.1 %";
  return `${percent > 0 && percent < 99.95 ? tenths.format(percent) : whole.format(percent)} %`;
}

export function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = n ?? 0;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? whole.format(Math.round(size)) : tenths.format(size)} ${units[unit]}`;
}

/** Seconds as a span: "12 s", "4 min", "1 h 05 min", "2 d 3 h". */
export function span(seconds) {
  if (seconds == null) return NONE;
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const milliseconds = (seconds) => `${whole.format(Math.round(1000 * (seconds ?? 0)))} ms`;

/** The time of day of an ISO time; the day too where it is not today. */
export function clock(iso) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return NONE;
  return (Date.now() - at.getTime() < 43_200_000 ? time : day).format(at);
}

/** A field's value: money, lists, texts. */
export function value(v) {
  if (v == null || v === "") return NONE;
  if (Array.isArray(v)) return v.map(value).join(", ");
  if (typeof v === "object") {
    return "amount" in v ? [v.amount, v.currency].filter(Boolean).join(" ") : JSON.stringify(v);
  }
  return String(v);
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
