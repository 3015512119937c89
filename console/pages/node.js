// One node: what it has, how it does, and whether it gets tasks.

import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { bytes, compact, count, duration } from "../ui/format.js";
import { healthMeter, nodeBadge } from "../ui/node_map.js";
import { clip, facts, moment, pageHead, panel, region } from "../ui/parts.js";
import { toast, toastError } from "../ui/toast.js";

const POLL_MS = 5000;

export const title = ({ id }) => `Node ${id.slice(-8)}`;

export async function render({ api, events, signal, params, navigate, can }) {
  const draw = (node) => [head(node), h("div", { class: "columns" }, panel("How it does", work(node)), panel("What it is", machine(node)))];
  const act = (change, said) => async () => {
    try {
      await change();
      toast(said);
      body.reload();
    } catch (error) {
      toastError(error);
    }
  };
  const remove = async (node) => {
    const sure = await confirmDialog({ title: "Remove this node?", text: "It is refused from then on, and its tasks go to others within ten seconds. This cannot be undone.", action: "Remove" });
    if (!sure) return;
    try {
      await api.removeNode(node.id);
      toast(`Removed ${node.name}.`);
      navigate(hashFor(["nodes"]));
    } catch (error) {
      toastError(error);
    }
  };
  const head = (node) => pageHead(node.name, {
    trail: [["Nodes", hashFor(["nodes"])]],
    lead: [nodeBadge(node), " ", h("span", { class: "mono" }, node.id)],
    actions: can("nodes:write") && node.state !== "removed" && [
      node.state === "ready"
        ? h("button", { type: "button", on: { click: act(() => api.drainNode(node.id), `${node.name} gets no more tasks.`) } }, "Drain")
        : h("button", { type: "button", on: { click: act(() => api.resumeNode(node.id), `${node.name} gets tasks.`) } }, "Resume"),
      h("button", { type: "button", class: "danger", on: { click: () => remove(node) } }, "Remove"),
    ],
  });
  // What is above is drawn by it, and reloads it later.
  const body = region(async () => draw(await api.node(params.id, signal)), signal);
  events.on("reset", () => body.reload(), signal);
  const timer = setInterval(() => body.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await body.start;
  return h("div", {}, body.element);
}

function work(node) {
  const { work: done } = node;
  return facts([
    ["Health", healthMeter(node)],
    ["Seen", moment(node.seen)],
    ["Runs completed", count(done.completed)],
    ["Runs failed by its own fault", count(done.failed)],
    ["Leases lost", count(done.lost)],
    ["Results that others found too", count(done.confirmed)],
    ["Results that others did not find", count(done.refuted)],
    ["Time in runs", duration(done.run_ms)],
    ["Operations", compact(done.fuel)],
  ]);
}

function machine(node) {
  const { capabilities: has } = node;
  return facts([
    ["Processors", count(has.cores)],
    ["Memory", bytes(has.memory_bytes)],
    ["KVM", has.kvm ? "yes" : "no"],
    ["Speed", `${compact(has.fuel_per_second)} operations a second and core, as measured when it joined`],
    ["Labels", node.labels.length > 0 ? clip(node.labels.join(" "), true) : null],
    ["Owner", clip(node.owner, true)],
    ["Signs with", clip(node.public_key, true)],
    ["Acts under", clip(node.key, true)],
    ["Joined", moment(node.created)],
  ]);
}
