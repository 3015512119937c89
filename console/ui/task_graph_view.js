// The drawing of what a task needs, live, and the same as a list behind it.

import { hashFor } from "../router.js";
import { fill, h, svg } from "./dom.js";
import { plural } from "./format.js";
import { badge, calmly, isLive, panel, region, stateBadge, stateText, stateTone } from "./parts.js";
import { edgesOf, gather, HEIGHT, layout, linksOf, WIDTH } from "./task_graph.js";

const POLL_MS = 5000;
const PAD = 6;
const NAME_MAX = 20;
const LABEL_MAX = 13;

/** A panel with the graph of a task, or nothing if it stands alone. It follows the states by itself. */
export function taskGraph({ api, events, signal, task }) {
  if (linksOf(task).length === 0) return null;
  const load = (id) => api.task(id, signal).catch((error) => {
    if (error.status === 404 || error.status === 403) return null;
    throw error;
  });
  let shown = null;
  const body = region(async () => {
    const graph = await gather(shown ? await api.task(task.id, signal) : task, load);
    const place = shown?.place();
    shown = drawGraph(graph, task.id);
    // The region puts it on the page first.
    requestAnimationFrame(() => shown.goTo(place));
    return shown.element;
  }, signal, { what: "Looking for what it needs" });
  const reload = calmly(body.reload, 400, signal);
  events.on("task", (event) => event && shown?.setState(event.id, event.state), signal);
  events.on("reset", reload, signal);
  // Without the stream nobody tells of changes.
  const timer = setInterval(() => events.state !== "live" && shown?.live() && reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return panel(task.replica_of ? "What it is part of" : "What it needs", body.element, { hint: "Arrows go from what is needed to what needs it." });
}

function drawGraph({ tasks, truncated }, own) {
  const states = new Map(tasks.map((task) => [task.id, task.state]));
  const edges = edgesOf(tasks);
  const drawn = layout(tasks, edges);
  const boxes = new Map(tasks.map((task) => [task.id, boxOf(task, drawn.places.get(task.id), task.id === own)]));
  const badges = new Map(tasks.map((task) => [task.id, h("span", {}, stateOf(task.state))]));
  const drawing = svg("svg", {
    viewBox: `${-PAD} ${-PAD} ${drawn.width + 2 * PAD} ${drawn.height + 2 * PAD}`, width: drawn.width + 2 * PAD, height: drawn.height + 2 * PAD,
    role: "group", "aria-label": `${plural(tasks.length, "task")}, from what is needed to what needs it`,
  }, drawn.edges.map(lineOf), drawn.edges.map(labelOf), [...boxes.values()].map((box) => box.element));
  const wrap = h("div", { class: "graph-wrap" }, drawing);
  const list = h("details", {}, h("summary", {}, "As a list"), listOf(tasks, edges, badges));
  const element = h("div", { class: "task-graph" }, wrap,
    truncated && h("p", { class: "hint" }, `There are more than these ${tasks.length}. Follow a task at the left to see what it needs.`), list);
  return {
    element,
    live: () => [...states.values()].some((state) => state && isLive(state)),
    setState(id, state) {
      if (!states.has(id) || states.get(id) === state) return;
      states.set(id, state);
      boxes.get(id).setState(state);
      fill(badges.get(id), stateOf(state));
    },
    /** Where the reader is in it, for the drawing that takes its place. */
    place: () => ({ left: wrap.scrollLeft, open: list.open, target: element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null }),
    /** Goes to such a place; to begin with, to the task of the page, which is at the right. */
    goTo({ left, open = false, target = null } = {}) {
      list.open = open;
      wrap.scrollLeft = left ?? drawn.places.get(own).x + WIDTH + 2 * PAD - wrap.clientWidth;
      if (target) [...element.querySelectorAll("a")].find((link) => link.getAttribute("href") === target)?.focus();
    },
  };
}

const stateOf = (state) => (state ? stateBadge(state) : badge("cannot be read"));

/** A name that people know it by, or the end of its id. */
const nameOf = (task) => task.module_name ?? task.plan?.key ?? idOf(task);
const idOf = (task) => `…${task.id.slice(-8)}`;

function boxOf(task, { x, y }, own) {
  const [name, id] = [nameOf(task), idOf(task)];
  const state = svg("text", { class: "state", x: x + 28, y: y + 38 });
  const element = svg("a", { href: hashFor(["tasks", task.id]), "aria-current": own ? "page" : null },
    svg("rect", { class: "box", x, y, width: WIDTH, height: HEIGHT, rx: 7 }),
    svg("text", { class: name === id ? "name id" : "name", x: x + 12, y: y + 20 }, shortened(name, NAME_MAX)),
    svg("circle", { cx: x + 17, cy: y + 34, r: 4.5 }), state,
    name !== id && svg("text", { class: "id", x: x + WIDTH - 12, y: y + 38, "text-anchor": "end" }, `…${task.id.slice(-6)}`),
    svg("title", {}, task.id));
  const setState = (next) => {
    const words = next ? stateText(next) : "cannot be read";
    element.setAttribute("class", `task ${stateTone(next)}${own ? " own" : ""}`);
    element.setAttribute("aria-label", [own && "this task", name !== id && name, task.id, words].filter(Boolean).join(", "));
    fill(state, words);
  };
  setState(task.state);
  return { element, setState };
}

/** A line that leaves and comes in level, with its arrow. */
function lineOf({ points, kind }) {
  const curves = points.slice(1).map(([x, y], index) => {
    const middle = (points[index][0] + x) / 2;
    return `C${middle} ${points[index][1]} ${middle} ${y} ${x} ${y}`;
  });
  const [x, y] = points.at(-1);
  return svg("path", { class: `edge ${kind}`, d: `M${points[0].join(" ")}${curves.join("")}M${x - 7} ${y - 4.5}L${x} ${y}L${x - 7} ${y + 4.5}` });
}

/** The list says the same; the drawing shortens. */
function labelOf({ labels, middle: [x, y] }) {
  if (labels.length === 0) return null;
  const text = labels.length === 1 ? shortened(labels[0], LABEL_MAX) : `${labels.length} files`;
  return svg("text", { class: "edge-label", x, y: y + 4, "text-anchor": "middle", "aria-hidden": "true" }, text, svg("title", {}, labels.join(", ")));
}

/** The end of a path says more than its beginning. */
const shortened = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);

const WORDS = {
  needs: () => "",
  reads: ({ labels }) => ` (reads ${labels.join(", ")})`,
  replica: () => " (a replica of it)",
  review: () => " (which it runs again)",
};

function listOf(tasks, edges, badges) {
  const known = new Map(tasks.map((task) => [task.id, task]));
  const link = (id) => h("a", { href: hashFor(["tasks", id]), title: id }, nameOf(known.get(id)) === idOf({ id }) ? idOf({ id }) : `${nameOf(known.get(id))} ${idOf({ id })}`);
  return h("ul", { class: "task-list" }, tasks.map((task) => {
    const needed = edges.filter((edge) => edge.to === task.id);
    return h("li", {}, link(task.id), " ", badges.get(task.id),
      needed.length > 0 && [" needs ", needed.map((edge, index) => [index > 0 && ", ", link(edge.from), WORDS[edge.kind](edge)])]);
  }));
}
