// The machines that have joined: how they do, and the token that lets one more join.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { fill, h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, form, select, textInput } from "../ui/form.js";
import { count } from "../ui/format.js";
import { healthMeter, labelKeys, nodeBadge, nodeMap, USUAL_LABEL } from "../ui/node_map.js";
import { clip, empty, moment, pageHead } from "../ui/parts.js";
import { showSecret } from "../ui/secret.js";
import { PAGE, pagedTable } from "../ui/table.js";

const POLL_MS = 5000;
/** A project has no more nodes than this. */
const NODES_MAX = 1000;
const MAP_PAGE = 200;
const LIFETIMES = [["600", "10 minutes"], ["3600", "an hour"], ["86400", "a day"], ["604800", "7 days"]];

export const title = () => "Nodes";

/** `?by=` is the label by which the map puts nodes together. */
export async function render({ api, events, signal, query, can }) {
  const letJoin = () => tokenDialog({ api });
  const button = () => can("nodes:write") && h("button", { type: "button", class: "primary", on: { click: letJoin } }, icon("plus"), "Let a machine join");
  const map = mapOfNodes({ api, signal, by: query.by });
  const list = pagedTable({
    caption: "Nodes", signal, columns,
    load: (after) => api.nodes({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No machine has joined", text: "Other machines can run this project's tasks. Each signs what it gives.", action: button(), command: commands.joinNode }),
  });
  const reload = () => Promise.all([list.reload(), map.reload()]);
  events.on("reset", reload, signal);
  // Health falls by silence, of which no event tells.
  const timer = setInterval(() => document.hidden || reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await map.start;
  return h("div", {}, pageHead("Nodes", { lead: "Machines that have joined and run tasks of this project.", actions: [button()] }), map.element, list.element);
}

/** The map, which is nothing while there are no nodes. What cannot be loaded, the table says. */
function mapOfNodes({ api, signal, by }) {
  const element = h("div");
  const tiles = h("div");
  const choice = h("div", { class: "bar" });
  let key = by ?? USUAL_LABEL;
  let offered = "";
  let nodes = [];

  function draw() {
    const focused = tiles.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    fill(tiles, nodeMap(nodes, key));
    if (focused) [...tiles.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  }

  function offer(keys) {
    if (keys.join(" ") === offered) return;
    offered = keys.join(" ");
    const label = select([...new Set([USUAL_LABEL, key, ...keys])].map((one) => [one, one]), { value: key });
    label.addEventListener("change", () => {
      key = label.value;
      history.replaceState(null, "", hashFor(["nodes"], { by: key === USUAL_LABEL ? "" : key }));
      draw();
    });
    fill(choice, keys.some((one) => one !== USUAL_LABEL) && h("label", { class: "check" }, h("span", {}, "Put together by"), label));
  }

  async function reload() {
    try {
      nodes = await allNodes(api, signal);
    } catch {
      return;
    }
    if (nodes.length === 0) return void fill(element);
    offer(labelKeys(nodes));
    draw();
    if (tiles.parentNode === null) fill(element, choice, tiles);
  }
  return { element, reload, start: reload() };
}

async function allNodes(api, signal) {
  const nodes = [];
  for (let after; nodes.length < NODES_MAX;) {
    const page = await api.nodes({ after, limit: MAP_PAGE }, signal);
    nodes.push(...page.items);
    if (page.next === null) break;
    after = page.next;
  }
  return nodes;
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
