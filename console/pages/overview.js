// The node at a glance, live: figures, health, walls, the log.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { append, fill, h } from "../ui/dom.js";
import { bytes, count, plural } from "../ui/format.js";
import { calmly, clip, copyButton, empty, facts, moment, pageHead, panel, region, stateBadge, statusBadge, TASK_STATES } from "../ui/parts.js";
import { taskCounts } from "../ui/task_counts.js";

const REFRESH_MS = 400;
const HEALTH_MS = 15_000;
const FEED_MAX = 12;

export const title = () => "Overview";

export async function render({ api, events, signal }) {
  const slots = { figures: h("div"), walls: h("div"), counts: h("div"), node: h("div") };
  const figures = region(async () => {
    const overview = await api.overview(signal);
    fill(slots.walls, walls(overview.walls));
    fill(slots.counts, taskCounts(overview.tasks));
    fill(slots.node, nodeFacts(overview));
    return drawFigures(overview);
  }, signal);
  const health = region(async () => drawHealth(await api.health(signal)), signal, { what: "Checking" });
  events.on(["task", "object", "name", "log", "reset"], calmly(figures.reload, REFRESH_MS, signal), signal);
  const timer = setInterval(() => document.hidden || health.reload(), HEALTH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await figures.start;
  return h("div", {},
    pageHead("Overview", { lead: "What this node holds and does, as it happens." }),
    figures.element,
    h("div", { class: "columns" },
      panel("Health", health.element, { hint: "The node tries its parts every second." }),
      panel("Walls", slots.walls, { hint: "What stands between a guest and this machine." }),
      panel("Tasks by state", slots.counts),
      panel("Happening now", activity(events, signal), { hint: "Newest first, since this page was opened." })),
    panel("Node", slots.node));
}

function drawFigures(overview) {
  const active = TASK_STATES.slice(0, 4).reduce((sum, state) => sum + (overview.tasks[state] ?? 0), 0);
  const { log, workers } = overview;
  return [
    h("div", { class: "figures" },
      figure("Tasks under way", count(active), hashFor(["tasks"]), `${count(overview.tasks.succeeded ?? 0)} succeeded so far`),
      figure("Workers", `${count(workers.busy)} / ${count(workers.busy + workers.idle)}`, null, `busy; ${count(workers.started)} replaced so far`),
      figure("Objects", count(overview.objects), hashFor(["objects"]), `${bytes(overview.object_bytes)} in ${plural(overview.buckets, "bucket")}`),
      figure("Audit log", count(log.size), hashFor(["audit"]), ["checkpoint ", moment(log.checkpoint_time)])),
    isUnused(overview) && firstSteps(),
  ];
}

function figure(label, value, target, note) {
  const inner = [h("span", { class: "figure-label" }, label), h("span", { class: "figure-value" }, value), h("span", { class: "figure-note" }, note)];
  return target ? h("a", { class: "figure", href: target }, inner) : h("div", { class: "figure" }, inner);
}

const isUnused = (overview) => overview.objects === 0 && Object.values(overview.tasks).every((number) => number === 0);

function firstSteps() {
  return empty({
    title: "Nothing here yet",
    text: "Store a WebAssembly module, then run it. Each run leaves a signed receipt.",
    action: h("div", { class: "actions" }, h("a", { class: "button primary", href: hashFor(["objects"]) }, "Upload a module"), h("a", { class: "button", href: hashFor(["tasks", "new"]) }, "Run a task")),
    command: commands.upload,
  });
}

function walls(list) {
  if (list.length === 0) return h("p", { class: "hint" }, "The node reports no wall.");
  return checkList(list);
}

function checkList(list) {
  return h("ul", { class: "checks" }, list.map((one) =>
    h("li", {}, h("span", { class: "check-name" }, one.name), statusBadge(one.status), h("span", { class: "check-detail" }, one.detail))));
}

function drawHealth(health) {
  return [h("p", { class: "health-line" }, "The node is ", statusBadge(health.status)), checkList(health.checks ?? [])];
}

function nodeFacts(overview) {
  const { log } = overview;
  return facts([
    ["Version", overview.version],
    ["Started", moment(overview.started)],
    ["Project", overview.project],
    ["Origin of the log", clip(log.origin, true)],
    ["Key of the log", h("span", { class: "digest" }, clip(log.public_key, true), copyButton(log.public_key, "verifier key"))],
    ["Checkpoint", [`${count(log.checkpoint_size)} of ${plural(log.size, "entry", "entries")}, signed `, moment(log.checkpoint_time)]],
  ]);
}

/** The last few events of the stream, as sentences. */
function activity(events, signal) {
  const none = h("p", { class: "hint" }, "Quiet so far. Changes by anyone appear here at once.");
  const list = h("ol", { class: "feed" });
  const element = h("div", {}, none, list);
  events.on(["task", "object", "name"], (detail, kind) => {
    const sentence = detail && SENTENCES[kind](detail);
    if (!sentence) return;
    none.remove();
    list.prepend(append(h("li", {}), [h("span", { class: "feed-text" }, sentence), moment(new Date().toISOString())]));
    while (list.children.length > FEED_MAX) list.lastElementChild.remove();
  }, signal);
  return element;
}

const SENTENCES = {
  task: ({ id, state }) => [h("a", { href: hashFor(["tasks", id]), class: "mono" }, id.slice(0, 14), "…"), " ", stateBadge(state)],
  object: ({ bucket, key, change }) => [h("a", { href: hashFor(["objects", bucket, key]) }, `${bucket}/${key}`), ` ${change}`],
  name: ({ name, change }) => [h("a", { href: hashFor(["names", name]) }, name), ` ${change ?? "has come to its end"}`],
};
