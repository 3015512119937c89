// One schedule: when it fires, what it runs, and what can be done about it.

import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { sentence } from "../ui/format.js";
import { limitTexts } from "../ui/limit_fields.js";
import { calmly, clip, digestOf, facts, moment, pageHead, panel, region } from "../ui/parts.js";
import { planTexts } from "../ui/task_request.js";
import { toast, toastError } from "../ui/toast.js";
import { scheduleBadge } from "./schedules.js";

const POLL_MS = 15_000;
const OVERLAPS = { skip: "It is left out while the last task is not over", allow: "It runs beside the last task" };

export const title = () => "Schedule";

export async function render({ api, events, signal, params, navigate, can }) {
  const act = (change, said) => async () => {
    try {
      await change();
      toast(said);
      body.reload();
    } catch (error) {
      toastError(error);
    }
  };
  const remove = async (one) => {
    const sure = await confirmDialog({ title: "Delete this schedule?", text: "It fires no more. Tasks that it started stay. This cannot be undone.", action: "Delete" });
    if (!sure) return;
    try {
      await api.deleteSchedule(one.id);
      toast(`Deleted ${one.name}.`);
      navigate(hashFor(["schedules"]));
    } catch (error) {
      toastError(error);
    }
  };
  const head = (one) => pageHead(one.name, {
    trail: [["Schedules", hashFor(["schedules"])]],
    lead: [scheduleBadge(one), " ", h("span", { class: "wrap" }, one.reason ? sentence(one.reason) : "")],
    actions: can("tasks:write") && [
      one.state === "active"
        ? h("button", { type: "button", on: { click: act(() => api.pauseSchedule(one.id), `${one.name} is paused.`) } }, "Pause")
        : h("button", { type: "button", on: { click: act(() => api.resumeSchedule(one.id), `${one.name} goes on.`) } }, "Resume"),
      h("button", { type: "button", class: "danger", on: { click: () => remove(one) } }, "Delete"),
    ],
  });
  let known = "";
  let drawn = null;
  // What is above is drawn by it, and reloads it later.
  const body = region(async () => {
    const one = await api.schedule(params.id, signal);
    // What did not change stays, and with it the focus.
    if (JSON.stringify(one) !== known) drawn = [head(one), h("div", { class: "columns" }, panel("When", when(one)), panel("What it runs", what(one.task)))];
    known = JSON.stringify(one);
    return drawn;
  }, signal);
  events.on(["task", "reset"], calmly(body.reload, 1000, signal), signal);
  const timer = setInterval(() => document.hidden || body.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await body.start;
  return h("div", {}, body.element);
}

function when(one) {
  return facts([
    ["Fires at", h("code", {}, one.cron)],
    ["Zone", one.zone],
    ["If it overlaps", OVERLAPS[one.overlap] ?? one.overlap],
    ["Next", one.next ? moment(one.next) : h("span", { class: "muted" }, "none")],
    ["Last", moment(one.last)],
    ["Last task", one.last_task ? h("a", { class: "mono", href: hashFor(["tasks", one.last_task]) }, one.last_task) : null],
    ["Made by", clip(one.actor, true)],
    ["Created", moment(one.created)],
  ]);
}

function what(task) {
  const env = Object.entries(task.env ?? {}).map(([key, value]) => `${key}=${value}`);
  const list = (items) => (items.length > 0 ? h("ul", { class: "plain" }, items.map((item) => h("li", {}, item))) : null);
  const texts = (pairs) => list(pairs.map(([name, text]) => `${name}: ${text}`));
  return facts([
    ["Module", sourceOf(task.module)],
    ["Arguments", task.args?.length > 0 ? clip(task.args.join(" "), true) : null],
    ["Environment", env.length > 0 ? clip(env.join(" "), true) : null],
    ["Standard input", task.stdin ? sourceOf(task.stdin) : null],
    ["Input files", list((task.inputs ?? []).map((input) => [clip(input.path, true), " ", sourceOf(input.source)]))],
    ["Output files", task.output_directory ? "It has a directory /out" : null],
    ["Profile", task.profile ?? "default"],
    ["Quorum", task.quorum ? `${task.quorum.agree} of ${task.quorum.of} must agree` : null],
    ["Limits", texts(limitTexts(task.limits))],
    ["Plan", texts(planTexts(task.plan))],
  ]);
}

/** Where bytes come from, as a link if there is a page of it. */
function sourceOf(source) {
  if (typeof source === "string") return digestOf(source);
  if (source.name !== undefined) return h("a", { href: hashFor(["names", source.name]) }, source.name);
  if (source.task !== undefined) return h("a", { class: "mono", href: hashFor(["tasks", source.task]) }, source.task);
  return h("a", { class: "wrap", href: hashFor(["objects", source.bucket, source.key]) }, `${source.bucket}/${source.key}`);
}
