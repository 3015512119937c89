// The audit log, newest first.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { select, textInput } from "../ui/form.js";
import { badge, calmly, clip, empty, failure, loading, moment, pageHead } from "../ui/parts.js";
import { PAGE, table } from "../ui/table.js";

export const title = () => "Audit";

export async function render({ api, events, signal, navigate, query }) {
  const element = h("div", { class: "region" }, loading());
  let list;
  const filters = filterControls(calmly(() => begin(), 250, signal), query);

  function draw() {
    if (list.items.length === 0 && list.older === null) return void fill(element, list.none());
    fill(element,
      list.items.length > 0 && table({ caption: "Audit entries, newest first", columns: columns(), rows: list.items }),
      list.items.length === 0 && h("p", { class: "hint", role: "status" }, "Nothing that new holds all that."),
      h("p", { class: "hint more" }, list.older ? h("button", { type: "button", on: { click: () => attempt(list.older) } }, list.further) : "This is the beginning of the log."));
  }
  async function attempt(act) {
    const mine = list;
    element.setAttribute("aria-busy", "true");
    try {
      await act();
      if (mine === list) draw();
    } catch (error) {
      if (mine === list && error.name !== "AbortError" && !signal.aborted) fill(element, failure(error, () => attempt(act)));
    } finally {
      element.setAttribute("aria-busy", "false");
    }
  }
  function begin() {
    const wanted = filters.value();
    list = wanted ? foundList(api, signal, wanted) : entryList(api, signal);
    return attempt(list.newer);
  }
  events.on(["log", "reset"], calmly(() => attempt(list.newer), 600, signal), signal);
  await begin();
  return h("div", {},
    pageHead("Audit", { lead: "Who did what, in a log that cannot be changed unseen. Each entry has a proof.", actions: [...filters.controls, jump(navigate)] }),
    element);
}

/** Loaded entries, newest first; grows at both ends. */
function entryList(api, signal) {
  const list = { items: [], older: null, further: "Load older entries" };
  const bySequence = new Map();
  const take = (page) => {
    for (const entry of page.items) bySequence.set(entry.sequence, entry);
    list.items = [...bySequence.values()].sort((left, right) => right.sequence - left.sequence);
    list.older = (list.items.at(-1)?.sequence ?? 0) > 0 ? older : null;
  };
  const older = async () => {
    const oldest = list.items.at(-1).sequence;
    const from = Math.max(0, oldest - PAGE);
    take(await api.auditEntries({ from, limit: oldest - from }, signal));
  };
  list.newer = async () => take(await api.auditEntries({ limit: PAGE }, signal));
  list.none = () => empty({ title: "The log is empty", text: "Every change that somebody makes is recorded here, in order.", command: commands.tail });
  return list;
}

/** Entries that the node found, newest first; it looks at so many at once, and says where it stopped. */
function foundList(api, signal, wanted) {
  const list = { items: [], older: null, further: "Look further back" };
  const find = async (after, before) => {
    const page = await api.auditEntries({ ...wanted, after, limit: PAGE }, signal);
    list.items = before.concat(page.items);
    list.older = page.next ? () => find(page.next, list.items) : null;
  };
  list.newer = () => find(undefined, []);
  list.none = () => empty({ title: "No entry holds all that", text: "Looked for in actors, actions, resources, outcomes, times, requests and details." });
  return list;
}

function filterControls(onChange, query) {
  const decision = select([["", "All decisions"], ["allowed", "Allowed"], ["denied", "Denied"]], { value: "", "aria-label": "Decision" });
  const text = textInput({ type: "search", maxlength: 200, placeholder: "Actor, action, resource…", "aria-label": "Show entries that hold", value: query.text ?? "", "data-filter": true });
  decision.addEventListener("change", onChange);
  text.addEventListener("input", onChange);
  const value = () => {
    const wanted = {};
    if (text.value.trim() !== "") wanted.search = text.value.trim();
    if (decision.value !== "") wanted.decision = decision.value;
    return Object.keys(wanted).length > 0 ? wanted : null;
  };
  return { controls: [text, decision], value };
}

/** Tells whether the entry records a refusal. */
export const isDenied = (entry) => entry.decision.startsWith("den");

function jump(navigate) {
  const input = h("input", { type: "number", min: 0, step: 1, placeholder: "No.", "aria-label": "Go to entry number", class: "tiny" });
  const element = h("form", { class: "jump" }, input, h("button", { type: "submit" }, "Go"));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (/^\d+$/.test(input.value)) navigate(hashFor(["audit", input.value]));
  });
  return element;
}

function columns() {
  return [
    { label: "No.", class: "number", cell: (entry) => h("a", { href: hashFor(["audit", String(entry.sequence)]) }, String(entry.sequence)) },
    { label: "When", cell: (entry) => moment(entry.time) },
    { label: "Who", cell: (entry) => clip(entry.actor, true) },
    { label: "Action", cell: (entry) => h("span", { class: "mono" }, entry.action) },
    { label: "Resource", class: "grow", cell: (entry) => clip(entry.resource, true) },
    { label: "Result", cell: (entry) => [badge(entry.decision, isDenied(entry) ? "bad" : "ok"), entry.outcome && [" ", h("span", { class: "muted" }, clip(entry.outcome))]] },
  ];
}
