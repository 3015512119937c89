// The components that answer HTTP requests: what they have done since the node started.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { badge, empty, moment, pageHead } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";

const POLL_MS = 5000;

export const title = () => "Functions";

export async function render({ api, events, signal }) {
  const list = pagedTable({
    caption: "Functions", signal, columns,
    load: (after) => api.functions({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No functions yet", text: "A component of the world wasi:http/proxy answers requests under a name, with a new instance for each.", command: commands.deployFunction }),
  });
  events.on("reset", () => list.reload(), signal);
  // Requests are too many to be told of one by one.
  const timer = setInterval(() => list.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h("div", {}, pageHead("Functions", { lead: "Components that answer HTTP requests." }), list.element);
}

const columns = [
  { label: "Function", class: "grow", cell: (one) => h("a", { href: hashFor(["functions", one.name]) }, one.name) },
  { label: "Access", cell: (one) => accessBadge(one.version) },
  { label: "Answers", cell: (one) => routeText(one.route) },
  { label: "Answered", class: "number", cell: (one) => count(one.figures.answered) },
  { label: "Failed", class: "number", cell: (one) => count(one.figures.failed) },
  { label: "Median", class: "number", cell: (one) => withinText(one.figures.latency, 0.5) },
  { label: "Changed", cell: (one) => moment(one.updated) },
];

/** Who may send a version requests. */
export const accessBadge = (version) => (version.public ? badge("public", "warn") : badge("by key", "ok"));

/** Which versions answer, in words. */
export function routeText(route) {
  return route.length === 1 ? `version ${route[0].version}` : route.map((part) => `version ${part.version}: ${part.percent} %`).join(", ");
}

/** Within which time a share of the requests was answered, or a dash. Pure. */
export function withinText(latency, share) {
  const all = latency.reduce((sum, part) => sum + part.count, 0);
  if (all === 0) return "–";
  let below = 0;
  for (const part of latency) {
    below += part.count;
    if (below >= all * share) return part.up_to_ms === null ? "over 5 s" : `≤ ${part.up_to_ms} ms`;
  }
  return "–";
}
