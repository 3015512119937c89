// The machines that have joined: how they do, and the token that lets one more join.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, form, select, textInput } from "../ui/form.js";
import { count } from "../ui/format.js";
import { badge, clip, empty, moment, pageHead } from "../ui/parts.js";
import { showSecret } from "../ui/secret.js";
import { PAGE, pagedTable } from "../ui/table.js";

const POLL_MS = 5000;
const LIFETIMES = [["600", "10 minutes"], ["3600", "an hour"], ["86400", "a day"], ["604800", "7 days"]];

export const title = () => "Nodes";

export async function render({ api, events, signal, can }) {
  const letJoin = () => tokenDialog({ api });
  const button = () => can("nodes:write") && h("button", { type: "button", class: "primary", on: { click: letJoin } }, icon("plus"), "Let a machine join");
  const list = pagedTable({
    caption: "Nodes", signal, columns,
    load: (after) => api.nodes({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No machine has joined", text: "Other machines can run this project's tasks. Each signs what it gives.", action: button(), command: commands.joinNode }),
  });
  events.on("reset", () => list.reload(), signal);
  // Health falls by silence, of which no event tells.
  const timer = setInterval(() => list.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h("div", {}, pageHead("Nodes", { lead: "Machines that have joined and run tasks of this project.", actions: [button()] }), list.element);
}

const columns = [
  { label: "Node", cell: (node) => h("a", { href: hashFor(["nodes", node.id]) }, node.name) },
  { label: "State", cell: (node) => nodeBadge(node) },
  { label: "Health", cell: (node) => healthMeter(node) },
  { label: "Labels", class: "grow", cell: (node) => clip(node.labels.join(" "), true) },
  { label: "Completed", class: "number", cell: (node) => count(node.work.completed) },
  { label: "Lost", class: "number", cell: (node) => count(node.work.lost) },
  { label: "Seen", cell: (node) => moment(node.seen) },
];

/** Whether a node works, in a word. */
export function nodeBadge(node) {
  if (node.state === "distrusted") return badge("distrusted", "bad");
  if (!node.online) return badge("offline", "warn");
  return node.state === "ready" ? badge("ready", "ok") : badge(node.state, "warn");
}

/** Health as a bar; the number beside it says the same. */
export function healthMeter(node) {
  return h("span", { class: "health" },
    h("meter", { min: 0, max: 100, low: 40, high: 75, optimum: 100, value: node.health, "aria-label": `Health of ${node.name}: ${node.health} of 100` }),
    " ", String(node.health));
}

function tokenDialog({ api }) {
  const labels = textInput({ placeholder: "zone=a disk=fast", autofocus: true });
  const lifetime = select(LIFETIMES, { value: "3600" });
  const opened = openDialog({
    title: "Let a machine join",
    content: form({
      fields: [
        field({ label: "Labels", name: "labels", control: labels, hint: "What the machine is, with spaces between. Tasks can ask for them." }),
        field({ label: "The token is good for", name: "lifetime_seconds", control: lifetime }),
      ],
      submit: "Make a token",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        const wanted = labels.value.split(/\s+/).filter((label) => label !== "");
        const created = await api.createJoinToken({ labels: wanted, lifetime_seconds: Number(lifetime.value) });
        opened.close();
        await opened.closed;
        showSecret({ title: "A join token", text: ["It is good once, until ", moment(created.expires), ". On the machine: ", h("code", {}, `casemate node join ${location.origin} --token …`)], secret: created.secret, noun: "token" });
      },
    }),
  });
}
