// The list of tasks.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { duration } from "../ui/format.js";
import { select } from "../ui/form.js";
import { badge, calmly, clip, digestOf, empty, moment, pageHead, stateBadge, TASK_STATES } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { levelBadge } from "./receipt.js";

export const title = () => "Tasks";

export async function render({ api, events, signal, query, can }) {
  let state = TASK_STATES.includes(query.state) ? query.state : "";
  const list = pagedTable({
    caption: "Tasks, newest first", columns: columns(), signal,
    load: (after) => api.tasks({ state, after, limit: PAGE }, signal),
    none: () => nothing(state),
  });
  events.on(["task", "reset"], calmly(list.reload, 400, signal), signal);
  const filter = select([["", "All states"], ...TASK_STATES.map((one) => [one, one.replace("_", " ")])], { value: state, "aria-label": "Show tasks in state", "data-filter": true });
  // The page stays, so that the arrow keys can walk through the states.
  filter.addEventListener("change", () => {
    state = filter.value;
    history.replaceState(null, "", hashFor(["tasks"], { state }));
    list.restart();
  });
  return h("div", {},
    pageHead("Tasks", { lead: "Programs that ran here, each within its limits.", actions: [filter, h("a", { class: "button", href: hashFor(["tasks", "statistics"]) }, "Statistics"), can("tasks:write") && newTask()] }),
    list.element);
}

const newTask = () => h("a", { class: "button primary", href: hashFor(["tasks", "new"]) }, icon("plus"), "Run a task");

function nothing(state) {
  if (state) return empty({ title: `No task is ${state.replace("_", " ")}`, text: "Other states may have some.", action: h("a", { class: "button", href: hashFor(["tasks"]) }, "Show all states") });
  return empty({ title: "No task ran yet", text: "Choose a WebAssembly module that you stored or named, and run it.", action: newTask(), command: commands.run });
}

function columns() {
  return [
    { label: "Task", cell: (task) => h("a", { href: hashFor(["tasks", task.id]), class: "mono", title: task.id }, task.id.slice(0, 4), "…", task.id.slice(-8)) },
    { label: "State", cell: (task) => [stateBadge(task.state), task.cancel_requested && task.result === null && badge("cancelling", "warn")] },
    { label: "Module", class: "grow", cell: (task) => (task.module_name ? clip(task.module_name) : digestOf(task.module)) },
    { label: "Outcome", class: "grow", cell: (task) => (task.result ? clip(task.result.outcome.text) : h("span", { class: "muted" }, "not yet")) },
    { label: "Took", class: "number", cell: (task) => (task.result ? duration(task.result.usage.wall_ms) : "") },
    { label: "Receipt", cell: (task) => (task.result ? levelBadge(task.result) : "") },
    { label: "Created", cell: (task) => moment(task.created) },
  ];
}
