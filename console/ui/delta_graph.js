// What of a prefix is stored as a difference to what: a drawing, and the same as a table.

import { hashFor } from "../router.js";
import { h, svg } from "./dom.js";
import { bytes, plural } from "./format.js";
import { table } from "./table.js";

/** Nodes in the order of the drawing: each base with what is stored as a difference to it below. Pure. */
export function rowsOf(nodes) {
  const below = new Map();
  for (const [index, node] of nodes.entries()) {
    if (node.base !== null) below.set(node.base, [...(below.get(node.base) ?? []), index]);
  }
  return nodes.flatMap((node, index) => {
    if (node.base !== null) return [];
    const children = below.get(index) ?? [];
    return [{ node, level: 0, children: children.length }, ...children.map((child) => ({ node: nodes[child], level: 1, children: 0 }))];
  });
}

/** What a node takes of what it is, in words. */
export function wordsOf(node) {
  return node.versions > 1 ? `${formOf(node)}, in ${node.versions} versions` : formOf(node);
}

function formOf(node) {
  if (node.stored_bytes === null) return `${bytes(node.size_bytes)}, whole so far`;
  if (node.form === "whole") return `${bytes(node.size_bytes)}, whole`;
  const how = node.form === "difference" ? (node.base === null ? "difference to what was here once" : "difference") : "packed";
  return `${bytes(node.size_bytes)} in ${bytes(node.stored_bytes)}, ${how}`;
}

/** The drawing of a graph, with the same as a table behind it. */
export function deltaGraph(graph) {
  const rows = rowsOf(graph.nodes);
  const differences = graph.nodes.filter((node) => node.form === "difference").length;
  const taken = graph.nodes.reduce((sum, node) => sum + (node.stored_bytes ?? node.size_bytes), 0);
  const held = graph.nodes.reduce((sum, node) => sum + node.size_bytes * Math.max(1, node.versions), 0);
  const summary = `${plural(graph.nodes.length, "content")} of ${bytes(held)} in ${bytes(taken)}; ${plural(differences, "difference")}.`;
  return h("figure", { class: "chart graph" },
    h("figcaption", {}, h("span", { class: "key whole" }, "whole"), h("span", { class: "key packed" }, "packed"), h("span", { class: "key difference" }, "difference"), h("span", { class: "muted" }, summary),
      graph.truncated && h("span", { class: "muted" }, "There is more than is shown: choose a longer prefix.")),
    h("div", { class: "graph-wrap" }, drawn(rows, summary)),
    h("details", {}, h("summary", {}, "As a table"), asTable(rows)));
}

function drawn(rows, summary) {
  const most = Math.max(1, ...rows.map(({ node }) => node.size_bytes));
  const lines = [];
  let base = 0;
  for (const [index, row] of rows.entries()) {
    const y = index * ROW + ROW / 2;
    if (row.level === 0) base = y;
    else lines.push(svg("path", { class: "edge", d: `M${DOT} ${base + 6}V${y}H${DOT + STEP - 7}` }));
  }
  const drawnRows = rows.map(({ node, level }, index) => {
    const y = index * ROW + ROW / 2;
    const x = DOT + level * STEP;
    const width = (value) => Math.max(2, (value / most) * BAR);
    return svg("a", { href: linkOf(node), "aria-label": `${node.key}, ${wordsOf(node)}` },
      svg("rect", { class: "row", x: 0, y: y - ROW / 2, width: WIDTH, height: ROW }),
      svg("circle", { class: node.form, cx: x, cy: y, r: 5 }),
      svg("text", { class: "name", x: x + 14, y: y + 4 }, shortened(node.key)),
      svg("rect", { class: "whole-bar", x: BAR_X, y: y - 4, width: width(node.size_bytes), height: 8, rx: 2 }),
      svg("rect", { class: `bar ${node.form}`, x: BAR_X, y: y - 4, width: width(node.stored_bytes ?? node.size_bytes), height: 8, rx: 2 }),
      svg("text", { class: "words", x: BAR_X + BAR + 12, y: y + 4 }, wordsOf(node)),
      svg("title", {}, `${node.bucket}/${node.key}`));
  });
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${rows.length * ROW}`, role: "group", "aria-label": `What is stored as a difference to what. ${summary}` }, lines, drawnRows);
}

/** The end of a key says more than its beginning. */
const shortened = (key) => (key.length > NAME_MAX ? `…${key.slice(1 - NAME_MAX)}` : key);

const linkOf = (node) => hashFor(["objects", node.bucket, node.key], { version: node.version === "null" ? "" : node.version });

function asTable(rows) {
  return table({
    caption: "How content of this prefix is stored",
    columns: [
      { label: "Key", class: "grow", cell: ({ node }) => h("a", { class: "clip", href: linkOf(node), title: node.key }, node.key) },
      { label: "Size", class: "number", cell: ({ node }) => bytes(node.size_bytes) },
      { label: "Stored", class: "number", cell: ({ node }) => (node.stored_bytes === null ? "–" : bytes(node.stored_bytes)) },
      { label: "Form", cell: ({ node }) => node.form },
      { label: "Versions", class: "number", cell: ({ node }) => node.versions },
      { label: "Differences", class: "number", cell: ({ children }) => children },
    ],
    rows,
  });
}

const [WIDTH, ROW, DOT, STEP, BAR_X, BAR] = [900, 26, 12, 26, 390, 220];
const NAME_MAX = 48;
