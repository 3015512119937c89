// Nodes as tiles, put together by one of their labels: how each does, at a glance.

import { hashFor } from "../router.js";
import { h } from "./dom.js";
import { bytes, compact, plural } from "./format.js";
import { badge } from "./parts.js";

/** The label by which nodes are put together unless another is chosen. */
export const USUAL_LABEL = "zone";
const LOW = 40;
const HIGH = 75;

/** The keys of all labels, the usual one first. Pure. */
export function labelKeys(nodes) {
  const keys = [...new Set(nodes.flatMap((node) => node.labels.map(keyOf)))].sort();
  return [...keys.filter((key) => key === USUAL_LABEL), ...keys.filter((key) => key !== USUAL_LABEL)];
}

/** Nodes by the value of a label, in order of both; those without it come last, as the group of `null`. Pure. */
export function groupsOf(nodes, key) {
  const groups = new Map();
  for (const node of [...nodes].sort((left, right) => inOrder(left.name, right.name))) {
    const label = node.labels.find((one) => keyOf(one) === key);
    const value = label === undefined ? null : label.slice(key.length + 1);
    groups.set(value, [...(groups.get(value) ?? []), node]);
  }
  return [...groups].map(([value, members]) => ({ value, nodes: members }))
    .sort((left, right) => Number(left.value === null) - Number(right.value === null) || inOrder(left.value ?? "", right.value ?? ""));
}

/** How much of what its processors could do went into runs since it joined, from 0 to 1; `null` if that cannot be said. Pure. */
export function busyShare(node) {
  const possible = (Date.parse(node.seen) - Date.parse(node.created)) * node.capabilities.cores;
  return possible > 0 ? Math.min(1, node.work.run_ms / possible) : null;
}

/** The tone of a health. Pure. */
export const healthTone = (health) => (health >= HIGH ? "ok" : health >= LOW ? "warn" : "bad");

const keyOf = (label) => label.split("=")[0];
const inOrder = (left, right) => left.localeCompare(right, "en", { numeric: true });

/** Whether a node works, in a word. */
export function nodeBadge(node) {
  if (node.state === "distrusted") return badge("distrusted", "bad");
  if (!node.online) return badge("offline", "warn");
  return node.state === "ready" ? badge("ready", "ok") : badge(node.state, "warn");
}

/** Health as a bar; the number beside it says the same. */
export function healthMeter(node) {
  return h("span", { class: "health" },
    h("meter", { min: 0, max: 100, low: LOW, high: HIGH, optimum: 100, value: node.health, "aria-label": `Health of ${node.name}: ${node.health} of 100` }),
    " ", String(node.health));
}

/** The map of nodes by the label `key`. */
export function nodeMap(nodes, key) {
  const groups = groupsOf(nodes, key);
  const alone = groups.length === 1 && groups[0].value === null;
  return h("div", { class: "node-map" }, groups.map(({ value, nodes: members }) =>
    h("section", { class: "node-group", "aria-label": alone ? "All nodes" : value === null ? `Without ${key}` : `${key}=${value}` },
      !alone && h("h2", {}, value === null ? `Without ${key}` : h("span", { class: "mono" }, `${key}=${value}`), h("span", { class: "muted" }, sumText(members))),
      h("div", { class: "tiles" }, members.map(tile)))));
}

function sumText(nodes) {
  const online = nodes.filter((node) => node.online);
  const sum = (pick) => online.reduce((total, node) => total + pick(node.capabilities), 0);
  return [plural(nodes.length, "node"), online.length < nodes.length && `${nodes.length - online.length} offline`,
    online.length > 0 && `${plural(sum((has) => has.cores), "core")} · ${bytes(sum((has) => has.memory_bytes))}`].filter(Boolean).join(" · ");
}

function tile(node) {
  const { capabilities: has } = node;
  const share = busyShare(node);
  return h("a", { class: `tile ${node.online ? healthTone(node.health) : "offline"}`, href: hashFor(["nodes", node.id]) },
    h("span", { class: "tile-head" }, h("span", { class: "tile-name", title: node.name }, node.name), nodeBadge(node)),
    h("span", { class: "tile-health" }, h("span", { class: "tile-number" }, String(node.health)), h("span", { class: "muted" }, "health of 100")),
    h("span", { class: "tile-facts" }, `${plural(has.cores, "core")} · ${bytes(has.memory_bytes)}`),
    h("span", { class: "tile-facts" }, `${compact(has.fuel_per_second)} fuel/s a core`),
    h("span", { class: "tile-facts", title: "How much of its processors' time went into runs since it joined" },
      plural(node.work.completed, "run"), share !== null && ` · busy ${shareText(share)}`));
}

/** A share in percent; what is there but small is not called nothing. */
export function shareText(share) {
  if (share > 0 && share < 0.01) return "under 1 %";
  return `${Math.round(share * 100)} %`;
}
