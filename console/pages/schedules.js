// The schedules of the project: tasks that are submitted again and again, by the clock.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { badge, calmly, clip, empty, moment, pageHead } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";

const POLL_MS = 15_000;
const TONES = { active: "ok", paused: "warn", halted: "bad" };

export const title = () => "Schedules";

export async function render({ api, events, signal, can }) {
  const button = () => can("tasks:write") && h("a", { class: "button primary", href: hashFor(["schedules", "new"]) }, icon("plus"), "New schedule");
  const list = pagedTable({
    caption: "Schedules", signal, columns,
    load: (after) => api.schedules({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No schedule yet", text: "A schedule runs a task again and again, such as every night at three.", action: button(), command: commands.addSchedule }),
  });
  events.on(["task", "reset"], calmly(list.reload, 1000, signal), signal);
  // Pausing and halting make no event.
  const timer = setInterval(() => document.hidden || list.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h("div", {}, pageHead("Schedules", { lead: "Tasks that are run again and again, by the clock.", actions: [button()] }), list.element);
}

const columns = [
  { label: "Schedule", class: "grow", cell: (one) => h("a", { class: "clip", href: hashFor(["schedules", one.id]), title: one.name }, one.name) },
  { label: "State", cell: (one) => [scheduleBadge(one), one.reason && [" ", clip(one.reason)]] },
  { label: "When", cell: (one) => h("code", {}, one.cron) },
  { label: "Zone", cell: (one) => clip(one.zone) },
  { label: "Next", cell: (one) => (one.next ? moment(one.next) : h("span", { class: "muted" }, "none")) },
  { label: "Last", cell: (one) => (one.last_task ? h("a", { href: hashFor(["tasks", one.last_task]), title: one.last_task }, moment(one.last)) : moment(one.last)) },
];

/** Whether a schedule goes on, in a word. */
export const scheduleBadge = (one) => badge(one.state, TONES[one.state] ?? "plain");
