// What became of tasks, hour by hour: bars, sums, and the same as a table.

import { fill, h, svg } from "./dom.js";
import { compact, count, duration, plural } from "./format.js";
import { table } from "./table.js";

const HOUR_MS = 3_600_000;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [860, 240, 44, 8, 12, 26];

/** The ways to end, from the foot of a bar to its top. */
const ENDS = ["succeeded", "failed", "timed_out", "cancelled", "dead"];
const SUMS = [...ENDS, "runs", "queue_ms", "run_ms", "fuel"];

/** Every hour of the span up to now, oldest first, with nothing in those that the node left out. Pure. */
export function everyHour(hours, span, now) {
  const known = new Map(hours.map((one) => [Date.parse(one.hour), one]));
  const last = Math.floor(now / HOUR_MS) * HOUR_MS;
  const none = Object.fromEntries(SUMS.map((key) => [key, 0]));
  return Array.from({ length: span }, (_, index) => {
    const time = last - (span - 1 - index) * HOUR_MS;
    return { ...none, ...known.get(time), hour: new Date(time).toISOString() };
  });
}

/** How many tasks ended in an hour. Pure. */
const endedIn = (hour) => ENDS.reduce((sum, end) => sum + hour[end], 0);

/** The sums of all hours, how many ended, and the means over those that have run; without any the means are `null`. Pure. */
export function totalsOf(hours) {
  const sums = Object.fromEntries(SUMS.map((key) => [key, hours.reduce((sum, hour) => sum + hour[key], 0)]));
  const ended = endedIn(sums);
  const mean = (value, among) => (among === 0 ? null : value / among);
  return { ...sums, ended, wait: mean(sums.queue_ms, sums.runs), run: mean(sums.run_ms, sums.runs), good: mean(sums.succeeded, ended) };
}

/** The parts of a bar from its foot: `{ end, from, to }` as shares of the scale; none for what is nothing. Pure. */
export function partsOf(hour, top) {
  let from = 0;
  return ENDS.filter((end) => hour[end] > 0).map((end) => {
    const part = { end, from, to: from + hour[end] / top };
    from = part.to;
    return part;
  });
}

/** Which hours get a mark below: about eight, at hours or days that are round where the reader is. Pure. */
export function marksOf(hours) {
  const step = [1, 2, 3, 6, 12, 24].find((one) => hours.length / one <= MARKS_MAX) ?? 24;
  return hours.map((hour, index) => ({ index, time: new Date(hour.hour) })).filter(({ time }) => time.getHours() % step === 0)
    .map(({ index, time }) => ({ index, text: step === 24 ? time.toLocaleDateString(undefined, { month: "short", day: "numeric" }) : `${two(time.getHours())}:${two(time.getMinutes())}` }));
}
const MARKS_MAX = 9;
const two = (value) => String(value).padStart(2, "0");

/** What ended in an hour, in words. Pure. */
export function endsText(hour) {
  const parts = ENDS.filter((end) => hour[end] > 0).map((end) => `${count(hour[end])} ${end.replace("_", " ")}`);
  return parts.length === 0 ? "nothing ended" : parts.join(", ");
}

/** The least top of a scale that a number fits below, and that four even steps of whole tasks lead to. Pure. */
export function scaleTop(value) {
  for (let unit = 1; ; unit *= 10) {
    const step = STEPS.find((one) => one * unit * 4 >= value);
    if (step) return step * unit * 4;
  }
}
const STEPS = [1, 2, 3, 4, 5, 6, 8];

/** So many hours in words. Pure. */
export const spanText = (hours) => (hours > 24 && hours % 24 === 0 ? plural(hours / 24, "day") : plural(hours, "hour"));

/** The hours as bars, with a legend, a sentence that says the sum, and a table. `show(hours)` fills it, also anew. */
export function hoursChart() {
  const none = h("p", { class: "hint" });
  const bars = h("div", { class: "graph-wrap" });
  const words = h("span", { class: "muted" });
  const rows = h("div");
  const figure = h("figure", { class: "chart hours" }, bars,
    h("figcaption", {}, ENDS.map((end) => h("span", { class: `key ${end}` }, end.replace("_", " "))), words),
    h("details", {}, h("summary", {}, "As a table"), rows));
  function show(hours) {
    const totals = totalsOf(hours);
    none.hidden = totals.ended > 0;
    figure.hidden = totals.ended === 0;
    fill(none, `No task ended in the last ${spanText(hours.length)}.`);
    if (totals.ended === 0) return;
    const summary = `${plural(totals.ended, "task")} ended in the last ${spanText(hours.length)}: ${endsText(totals)}.`;
    fill(words, summary);
    fill(bars, drawn(hours, summary));
    fill(rows, asTable(hours));
  }
  return { element: h("div", {}, none, figure), show };
}

function drawn(hours, summary) {
  const top = scaleTop(Math.max(...hours.map(endedIn)));
  const slot = (WIDTH - LEFT - RIGHT) / hours.length;
  const y = (share) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  const gap = slot > 12 ? 2 : 0.5;
  const grid = [0, 1, 2, 3, 4].map((step) => [
    svg("line", { class: "grid-line", x1: LEFT, x2: WIDTH - RIGHT, y1: y(step / 4), y2: y(step / 4) }),
    svg("text", { class: "axis", x: LEFT - 8, y: y(step / 4) + 4, "text-anchor": "end" }, count((top / 4) * step)),
  ]);
  const marks = marksOf(hours).map(({ index, text }) => svg("text", { class: "axis", x: LEFT + (index + 0.5) * slot, y: HEIGHT - 8, "text-anchor": "middle" }, text));
  const bars = hours.map((hour, index) => svg("g", { class: "hour" },
    svg("rect", { class: "hour-room", x: LEFT + index * slot, y: TOP, width: slot, height: HEIGHT - TOP - BOTTOM }),
    partsOf(hour, top).map(({ end, from, to }) => svg("rect", { class: `end ${end}`, x: LEFT + index * slot + gap, y: y(to), width: slot - 2 * gap, height: Math.max(1, y(from) - y(to) - 0.5), fill: FILLS[end] })),
    svg("title", {}, `${hourText(hour)}: ${endsText(hour)}`)));
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary }, patterns(), grid, marks, bars);
}

/** Textures besides the colours, so that bars can be told apart without them. */
const FILLS = { failed: "url(#hatched)", timed_out: "url(#striped)" };

function patterns() {
  const pattern = (id, end, d) => svg("pattern", { id, width: 5, height: 5, patternUnits: "userSpaceOnUse" },
    svg("rect", { class: `ground ${end}`, width: 5, height: 5 }), svg("path", { class: `thread ${end}`, d }));
  return svg("defs", {}, pattern("hatched", "failed", "M-1 6L6 -1M-1 1L1 -1M4 6L6 4"), pattern("striped", "timed_out", "M0 1H5"));
}

const hourText = (hour) => new Date(hour.hour).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const meanText = (sum, runs) => (runs === 0 ? "–" : duration(sum / runs));

function asTable(hours) {
  return table({
    caption: "What became of tasks, by hour, newest first",
    columns: [
      { label: "Hour", cell: (hour) => h("time", { datetime: hour.hour }, hourText(hour)) },
      ...ENDS.map((end) => ({ label: end[0].toUpperCase() + end.slice(1).replace("_", " "), class: "number", cell: (hour) => count(hour[end]) })),
      { label: "Mean wait", class: "number", cell: (hour) => meanText(hour.queue_ms, hour.runs) },
      { label: "Mean run", class: "number", cell: (hour) => meanText(hour.run_ms, hour.runs) },
      { label: "Fuel", class: "number", cell: (hour) => compact(hour.fuel) },
    ],
    rows: hours.filter((hour) => endedIn(hour) > 0).reverse(),
  });
}
