// One task: what ran, what it used, what it wrote, and its receipt.

import { href, outputPath, taskPath } from "../api.js";
import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { bytes, compact, count, duration, plural, printable, sentence } from "../ui/format.js";
import { calmly, clip, digestOf, facts, isLive, loading, moment, pageHead, panel, region, stateBadge } from "../ui/parts.js";
import { confirmDialog } from "../ui/dialog.js";
import { liveLog } from "../ui/live_log.js";
import { table } from "../ui/table.js";
import { taskGraph } from "../ui/task_graph_view.js";
import { toast, toastError } from "../ui/toast.js";
import { receiptPanel } from "./receipt.js";

const POLL_MS = 5000;
const SHOWN_BYTES_MAX = 256 * 1024;

/** Limits with the usage that counts against them; those without a measure are enforced all the same. */
const MEASURES = [
  ["Wall time", "wall_ms", "wall_ms", duration],
  ["Fuel", "fuel", "fuel", compact],
  ["Memory", "memory_bytes", "memory_bytes_peak", bytes],
  ["Output", "output_bytes", "output_bytes", bytes],
  ["Standard error", "log_bytes", "log_bytes", bytes],
  ["Compile time", "compile_ms", "compile_ms", duration],
  ["Table elements", "table_elements", "table_elements_peak", count],
  ["Stack", "stack_bytes", null, bytes],
  ["Instances", "instances", null, count],
  ["Compile memory", "compile_memory_bytes", null, bytes],
];

export const title = ({ id }) => `Task ${id.slice(-8)}`;

export async function render({ api, events, signal, params, navigate, can }) {
  let task = null;
  let drawn = null;
  const head = h("div", { "aria-live": "polite" }, pageHead(params.id));
  const graph = h("div");
  const live = liveLog({ url: href(taskPath(params.id, "/logs")), signal, stillLive, onEnd: () => body.reload() });
  const body = region(async () => {
    const next = await api.task(params.id, signal);
    const first = task === null;
    const same = !first && task.updated === next.updated && task.state === next.state;
    task = next;
    if (first) fill(graph, taskGraph({ api, events, signal, task }));
    // What several nodes run in its place says nothing itself.
    if (isLive(task.state) && !task.quorum) live.follow(task);
    else live.stop();
    if (!same) fill(head, taskHead({ api, task, navigate, can, reload: () => body.reload() }));
    // A finished task never changes again: redrawing it would close what the reader opened.
    if (!same || drawn === null) drawn = drawTask({ api, task, signal, can });
    return drawn;
  }, signal);

  /** Asked before a refused log is tried again. */
  async function stillLive() {
    try {
      const { state } = await api.task(params.id, signal);
      if (!isLive(state)) body.reload();
      return isLive(state);
    } catch (error) {
      return error.status !== 404;
    }
  }
  events.on("task", (event) => event?.id === params.id && refresh(), signal);
  events.on("reset", () => refresh(), signal);
  const refresh = calmly(body.reload, 150, signal);
  const timer = setInterval(() => task && isLive(task.state) && body.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await body.start;
  return h("div", {}, head, live.element, graph, body.element);
}

function taskHead({ api, task, navigate, can, reload }) {
  const cancel = async () => {
    const sure = await confirmDialog({ title: "Cancel this task?", text: "The program is stopped where it is. A receipt says that it was cancelled.", action: "Cancel the task" });
    if (!sure) return;
    try {
      await api.cancelTask(task.id);
      toast("The task is being cancelled.");
      reload();
    } catch (error) {
      toastError(error);
    }
  };
  const mayWrite = can("tasks:write");
  const actions = [
    mayWrite && isLive(task.state) && h("button", { type: "button", class: "danger", disabled: task.cancel_requested, on: { click: cancel } }, task.cancel_requested ? "Cancelling…" : "Cancel"),
    mayWrite && h("button", { type: "button", on: { click: () => navigate(hashFor(["tasks", "new"], { again: task.id })) } }, "Run again"),
  ];
  const lead = [stateBadge(task.state), " ", task.result ? task.result.outcome.text : waitText(task)];
  return pageHead(h("span", { class: "mono" }, task.id), { trail: [["Tasks", hashFor(["tasks"])]], lead, actions });
}

function waitText(task) {
  if (task.state === "queued" && task.plan.not_before && new Date(task.plan.not_before) > new Date()) return ["waits until ", moment(task.plan.not_before)];
  if (task.state === "queued" && task.quorum) return `waiting until ${task.quorum.agree} of ${task.quorum.replicas.length} replicas agree`;
  if (task.state === "queued" && task.needs.length > 0) return "waiting for the tasks that it needs, or for a worker";
  if (task.state === "queued") return "waiting for a worker";
  if (task.state === "cancelled") return !task.cancel_requested && task.needs.length > 0 ? "cancelled before it ran, by hand or because a task that it needs did not succeed" : "cancelled before it ran";
  if (!isLive(task.state)) return "over without a run";
  if (task.state === "retry_wait") return `waiting before attempt ${task.attempt + 1}`;
  return "under way";
}

function drawTask({ api, task, signal, can }) {
  const { result } = task;
  return [
    h("div", { class: "columns" }, panel("Program", programFacts(task)), panel("Limits", limitTable(task), { hint: result ? "What the run used of what it was allowed." : "What the run is allowed." })),
    result ? [
      panel("Output", outputs({ api, task, signal })),
      receiptPanel({ api, task, signal, can }),
    ] : panel("Output", h("p", { class: "hint" }, isLive(task.state) ? "Output files and the receipt appear when the task has ended." : "There is none, as no run of it came to an end.")),
  ];
}

function programFacts(task) {
  const env = Object.entries(task.env).map(([key, value]) => `${key}=${value}`);
  return facts([
    ["Module", [task.module_name && [h("a", { href: hashFor(["names", task.module_name]) }, task.module_name), " "], digestOf(task.module)]],
    ["Arguments", task.args.length > 0 ? clip(task.args.join(" "), true) : null],
    ["Environment", env.length > 0 ? clip(env.join(" "), true) : null],
    ["Standard input", task.stdin ? digestOf(task.stdin) : null],
    ["Input files", task.inputs.length > 0 ? h("ul", { class: "plain" }, task.inputs.map((input) => h("li", {}, clip(input.path, true), " ", digestOf(input.digest)))) : null],
    ["Profile", task.profile],
    ["Attempt", task.quorum ? null : `${task.attempt} of ${task.plan.retry.attempts} at most`],
    ["Priority", `${task.plan.priority} of 9`],
    ["Key", task.plan.key ? clip(task.plan.key, true) : null],
    ["Needs", task.needs.length > 0 ? h("ul", { class: "plain" }, task.needs.map((id) => h("li", {}, h("a", { class: "mono", href: hashFor(["tasks", id]) }, id)))) : null],
    ["Labels", task.plan.labels.length > 0 ? clip(task.plan.labels.join(" "), true) : null],
    ["Ran on", task.quorum ? null : task.result?.node ? h("a", { class: "mono", href: hashFor(["nodes", task.result.node]) }, task.result.node) : task.result && "this server"],
    ["Replica of", task.replica_of ? h("a", { class: "mono", href: hashFor(["tasks", task.replica_of]) }, task.replica_of) : null],
    ["Replicas", task.quorum ? h("ul", { class: "plain" }, task.quorum.replicas.map((id) => h("li", {}, h("a", { class: "mono", href: hashFor(["tasks", id]) }, id)))) : null],
    ["Not before", task.plan.not_before ? moment(task.plan.not_before) : null],
    ["Repeats", task.repeats ? h("a", { class: "mono", href: hashFor(["tasks", task.repeats]) }, task.repeats) : null],
    ["Asked for by", clip(task.actor, true)],
    ["Created", moment(task.created)],
    ["Updated", moment(task.updated)],
    ["Deadline", isLive(task.state) ? moment(task.deadline) : null],
    ["Waited", task.result ? duration(task.result.usage.queue_ms) : null],
  ]);
}

/** Bars of limits used. The words beside a bar say the same as the bar. */
function limitTable(task) {
  const usage = task.result?.usage;
  return h("ul", { class: "limits" }, MEASURES.map(([label, limitKey, usageKey, format]) => {
    const limit = task.limits[limitKey];
    const used = usageKey && usage ? usage[usageKey] : null;
    const text = used === null ? format(limit) : `${format(used)} of ${format(limit)}`;
    const exact = used === null ? count(limit) : `${count(used)} of ${count(limit)}`;
    const high = used !== null && used >= limit * 0.9;
    return h("li", { class: high ? "high" : null },
      h("span", { class: "limit-name" }, label),
      used === null ? h("span", { class: "limit-none" }, usage && !usageKey ? "enforced, not measured" : "") : h("meter", { min: 0, max: limit, value: Math.min(used, limit), low: limit * 0.7, high: limit * 0.9, optimum: 0, "aria-label": `${label}: ${text}` }),
      h("span", { class: "limit-text", title: exact }, text));
  }));
}

function outputs({ api, task, signal }) {
  const { result } = task;
  return h("div", { class: "outputs" },
    stream({ api, task, signal, name: "stdout", label: "Standard output", digest: result.stdout }),
    stream({ api, task, signal, name: "stderr", label: "Standard error", digest: result.stderr }),
    result.outputs.length > 0 && [h("h3", {}, plural(result.outputs.length, "output file")), outputFiles(task)]);
}

function stream({ api, task, signal, name, label, digest }) {
  if (!digest) return h("div", { class: "stream" }, h("h3", {}, label), h("p", { class: "hint" }, "Nothing was written."));
  const slot = h("div", {}, loading());
  readStart(api, task.id, name, signal).then(
    ({ text, cut }) => fill(slot,
      text === "" ? h("p", { class: "hint" }, "Nothing was written.") : h("pre", { tabindex: 0, "aria-label": label }, printable(text)),
      cut && h("p", { class: "hint" }, `Only the first ${bytes(SHOWN_BYTES_MAX)} are shown. Download it for the rest.`)),
    (error) => error.name === "AbortError" || fill(slot, h("p", { class: "bad-text" }, sentence(error.message))),
  );
  const save = h("a", { class: "button small", href: href(taskPath(task.id, `/${name}`)), download: `${task.id}.${name}.txt` }, "Download");
  return h("div", { class: "stream" }, h("div", { class: "stream-head" }, h("h3", {}, label), digestOf(digest), save), slot);
}

/** Reads the start of a stream and hangs up, so that a flood costs the browser nothing. */
async function readStart(api, id, name, signal) {
  const response = await api.taskStream(id, name, signal);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return { text: text + decoder.decode(), cut: false };
    const room = SHOWN_BYTES_MAX - length;
    text += decoder.decode(value.subarray(0, room), { stream: true });
    length += value.length;
    if (length > SHOWN_BYTES_MAX) {
      await reader.cancel();
      return { text, cut: true };
    }
  }
}

function outputFiles(task) {
  return table({
    caption: "Output files",
    rows: task.result.outputs,
    columns: [
      { label: "Path", class: "grow", cell: (file) => clip(file.path, true) },
      { label: "Size", class: "number", cell: (file) => bytes(file.size_bytes) },
      { label: "Digest", cell: (file) => digestOf(file.digest) },
      { label: "", cell: (file) => h("a", { class: "button small", href: href(outputPath(task.id, file.path)), download: file.path.split("/").at(-1) }, "Download") },
    ],
  });
}
