// How many tasks are in each state.

import { hashFor } from "../router.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { stateBadge, TASK_STATES } from "./parts.js";

/** A list of states with their numbers, each a link to those tasks. */
export function taskCounts(tasks) {
  const total = Math.max(1, ...Object.values(tasks));
  return h("ul", { class: "counts" }, TASK_STATES.map((state) => {
    const number = tasks[state] ?? 0;
    return h("li", { class: number === 0 ? "none" : null },
      h("a", { href: hashFor(["tasks"], { state }) }, stateBadge(state)),
      h("meter", { min: 0, max: total, value: number, "aria-hidden": "true" }),
      h("span", { class: "number" }, count(number)));
  }));
}
