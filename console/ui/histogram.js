// How many requests took how long: bars, and the same as a table.

import { h, svg } from "./dom.js";
import { count, plural } from "./format.js";
import { table } from "./table.js";

const [WIDTH, HEIGHT, TOP, BOTTOM] = [860, 180, 18, 26];

/** The heights of bars below a chart's top, each visible if there is anything to see. Pure. */
export function heightsOf(counts, height) {
  const most = Math.max(1, ...counts);
  return counts.map((value) => (value === 0 ? 0 : Math.max(2, (value / most) * height)));
}

/** A bound in words, as an axis has it. Pure. */
export function boundText(ms) {
  if (ms === null) return "more";
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}

/** A histogram of counts up to each bound. */
export function latencyHistogram(latency) {
  const all = latency.reduce((sum, part) => sum + part.count, 0);
  if (all === 0) return h("p", { class: "hint" }, "No request was answered since the node started.");
  const slot = WIDTH / latency.length;
  const heights = heightsOf(latency.map((part) => part.count), HEIGHT - TOP - BOTTOM);
  const summary = `${plural(all, "request")} by the time that they took.`;
  const bars = latency.map((part, index) => {
    const [x, height] = [index * slot, heights[index]];
    const middle = x + slot / 2;
    return svg("g", {},
      svg("rect", { class: "bar-of", x: x + 3, y: HEIGHT - BOTTOM - height, width: slot - 6, height, rx: 2 }),
      part.count > 0 && svg("text", { x: middle, y: HEIGHT - BOTTOM - height - 5, "text-anchor": "middle" }, count(part.count)),
      svg("text", { class: "axis", x: middle, y: HEIGHT - 8, "text-anchor": "middle" }, boundText(part.up_to_ms)));
  });
  return h("figure", { class: "chart" },
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary }, bars),
    h("figcaption", {}, h("span", { class: "muted" }, `${summary} Each bar counts what took at most so long, and longer than the bar before it.`)),
    h("details", {}, h("summary", {}, "As a table"), table({
      caption: "Requests by the time that they took",
      columns: [
        { label: "Up to", cell: (part) => boundText(part.up_to_ms) },
        { label: "Requests", class: "number", cell: (part) => count(part.count) },
      ],
      rows: latency,
    })));
}
