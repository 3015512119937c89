// Values as text for people. Pure: `now` is passed in.

const KIB = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size such as `1.5 MiB`; below 1 KiB exact bytes. */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) [value, unit] = [value / KIB, unit + 1];
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A number with thin spaces between groups of three. */
export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A large number in three figures, such as `812 M`; below a million exact. */
export function compact(value) {
  const step = COMPACT.find(([size]) => value >= size);
  if (!step) return count(value);
  const scaled = value / step[0];
  return `${scaled >= 100 || Number.isInteger(scaled) ? Math.round(scaled) : scaled.toFixed(1)} ${step[1]}`;
}

const COMPACT = [[1e12, "T"], [1e9, "G"], [1e6, "M"]];

/** A noun with its number: `1 object`, `2 objects`. */
export const plural = (value, noun, many = `${noun}s`) => `${count(value)} ${value === 1 ? noun : many}`;

/** A span of milliseconds such as `85 ms`, `1.2 s`, `3 min 5 s`, `2 h 4 min`. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${trim(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return join(minutes, "min", Math.floor(seconds % 60), "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(hours, "h", minutes % 60, "min");
  return join(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** A time as seen from `now`: `just now`, `12 s ago`, `in 5 min`. Days and more are `3 d ago`. */
export function relative(time, now) {
  const delta = now - new Date(time).getTime();
  if (Number.isNaN(delta)) return "unknown";
  const span = Math.abs(delta);
  if (span < 1000) return "just now";
  const text = coarse(span);
  return delta > 0 ? `${text} ago` : `in ${text}`;
}

/** A time in full, local, with its zone. */
export function absolute(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

/** A message of the API, which has no capital and no full stop, as a sentence. */
export function sentence(text) {
  const start = /^[a-z]+(?=[ ,])/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?:]$/.test(start) || start === "" ? start : `${start}.`;
}

/** The head of a digest, enough to tell two apart by eye. */
export function shortDigest(digest) {
  return digest.length > 19 ? `${digest.slice(0, 19)}…` : digest;
}

/** Reads a size: `65536`, `64 KiB`, `1.5MiB`, `2g`. Returns whole bytes or `null`. */
export function parseBytes(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?\s*$/i.exec(text);
  if (!match) return null;
  const power = match[2] ? "kmgt".indexOf(match[2].toLowerCase()) + 1 : 0;
  return Math.round(Number(match[1]) * KIB ** power);
}

/** Reads a span: `1500` and `1500 ms`, `1.5 s`, `2 min`, `1 h`. Returns whole milliseconds or `null`. */
export function parseDuration(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?\s*$/i.exec(text);
  if (!match) return null;
  const factor = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 }[(match[2] ?? "ms").toLowerCase()];
  return Math.round(Number(match[1]) * factor);
}

/** Reads a whole number, grouped or with a power of ten: `20 000`, `2e9`. Returns `null` for others. */
export function parseCount(text) {
  const plain = text.replace(/[\s_\u202f]/g, "");
  if (!/^\d+(?:\.\d+)?(?:e\d{1,2})?$/i.test(plain)) return null;
  const value = Number(plain);
  return Number.isSafeInteger(value) ? value : null;
}

/**
 * Makes program output harmless and honest to look at: control characters, and characters that reorder or hide text,
 * become their visible code, such as `‹1B›` for escape. Newlines and tabs stay.
 */
export function printable(text) {
  return text.replace(/\r\n/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, picture);
}

const picture = (character) => `‹${character.codePointAt(0).toString(16).toUpperCase().padStart(2, "0")}›`;

function coarse(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

const trim = (seconds) => (seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)).replace(/\.?0+$/, "");

const join = (big, bigUnit, small, smallUnit) => (small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`);
