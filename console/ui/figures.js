// Figures of buckets: what they hold, what that takes, and what is saved, as numbers and over time.

import { h, svg } from "./dom.js";
import { bytes, plural } from "./format.js";
import { table } from "./table.js";

/** What packing and sharing save, as a share of the content from 0 to 1; `null` if there is nothing to save on. */
export function savedShare({ content_bytes: content, stored_bytes: stored }) {
  return content === 0 ? null : Math.max(0, 1 - stored / content);
}

/** The same in whole percent, or a dash. */
export function savedText(sample) {
  const share = sample && savedShare(sample);
  return share === null || share === undefined ? "–" : `${Math.floor(share * 100)} %`;
}

/** A figure with a label and a note. */
export function figure(label, value, note) {
  return h("div", { class: "figure" }, h("span", { class: "figure-label" }, label), h("span", { class: "figure-value" }, value), h("span", { class: "figure-note" }, note));
}

/** The points of a line through values over time, in the frame of the chart. Pure. */
export function pointsOf(days, values, top) {
  const first = days[0];
  const span = Math.max(1, days.at(-1) - first);
  return values.map((value, index) => [
    LEFT + ((days[index] - first) / span) * (WIDTH - LEFT - RIGHT),
    HEIGHT - BOTTOM - (top === 0 ? 0 : value / top) * (HEIGHT - TOP - BOTTOM),
  ]);
}

/** A number of bytes that the greatest value fits below, and that divides into four even steps. Pure. */
export function topOf(value) {
  let top = 4;
  while (top < value) top *= 2;
  return top;
}

/** What samples say over time: a chart, a sentence that says the same, and the numbers as a table. Oldest first. */
export function savingsChart(samples) {
  if (samples.length === 0) return h("p", { class: "hint" }, "Nothing was measured yet. It happens within a minute.");
  const last = samples.at(-1);
  const summary = `${bytes(last.content_bytes)} of content took ${bytes(last.stored_bytes)} on ${last.day}; ${savedText(last)} saved.`;
  return h("figure", { class: "chart" },
    samples.length > 1 ? drawn(samples, summary) : null,
    h("figcaption", {}, h("span", { class: "key content" }, "content"), h("span", { class: "key stored" }, "stored"), h("span", { class: "muted" }, summary),
      samples.length === 1 && h("span", { class: "muted" }, "The line begins tomorrow: a bucket keeps one measurement a day.")),
    samples.length > 1 && h("details", {}, h("summary", {}, `As a table, ${plural(samples.length, "day")}`), asTable(samples)));
}

function drawn(samples, summary) {
  const days = samples.map((sample) => Date.parse(sample.day) / DAY_MS);
  const top = topOf(Math.max(...samples.map((sample) => Math.max(sample.content_bytes, sample.stored_bytes))));
  const content = pointsOf(days, samples.map((sample) => sample.content_bytes), top);
  const stored = pointsOf(days, samples.map((sample) => sample.stored_bytes), top);
  const grid = [0, 1, 2, 3, 4].map((step) => {
    const y = HEIGHT - BOTTOM - (step / 4) * (HEIGHT - TOP - BOTTOM);
    return [svg("line", { class: "grid-line", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }),
      svg("text", { class: "axis", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, bytes((top / 4) * step))];
  });
  const ends = [[samples[0].day, LEFT, "start"], [samples.at(-1).day, WIDTH - RIGHT, "end"]].map(([day, x, anchor]) =>
    svg("text", { class: "axis", x, y: HEIGHT - 6, "text-anchor": anchor }, day));
  const marks = samples.map((sample, index) => svg("g", { class: "mark" },
    svg("circle", { cx: content[index][0], cy: content[index][1], r: 3, class: "content" }),
    svg("circle", { cx: stored[index][0], cy: stored[index][1], r: 3, class: "stored" }),
    svg("title", {}, `${sample.day}: ${bytes(sample.content_bytes)} of content, ${bytes(sample.stored_bytes)} stored`)));
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Content and what it takes, from ${samples[0].day} to ${samples.at(-1).day}. ${summary}` },
    grid, ends,
    svg("path", { class: "area", d: `${line(content)}L${[...stored].reverse().map((point) => point.join(" ")).join("L")}Z` }),
    svg("path", { class: "line content", d: line(content) }),
    svg("path", { class: "line stored", d: line(stored) }),
    samples.length <= MARKS_MAX && marks);
}

const line = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

function asTable(samples) {
  return table({
    caption: "Content and what it takes, by day",
    columns: [
      { label: "Day", cell: (sample) => sample.day },
      { label: "Content", class: "number", cell: (sample) => bytes(sample.content_bytes) },
      { label: "Stored", class: "number", cell: (sample) => bytes(sample.stored_bytes) },
      { label: "Saved", class: "number", cell: savedText },
    ],
    rows: [...samples].reverse(),
  });
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [860, 220, 76, 14, 12, 26];
const DAY_MS = 86_400_000;
const MARKS_MAX = 62;
