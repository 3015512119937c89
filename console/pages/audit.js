// The audit log, newest first.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { count, plural } from "../ui/format.js";
import { select, textInput } from "../ui/form.js";
import { badge, calmly, clip, empty, failure, loading, moment, pageHead } from "../ui/parts.js";
import { PAGE, table } from "../ui/table.js";

export const title = () => "Audit";

export async function render({ api, events, signal, navigate, query }) {
  const log = entryList(api, signal);
  const element = h("div", { class: "region" }, loading());
  const filters = filterControls(() => draw(), query);

  function draw() {
    const { items, oldest } = log;
    const shown = items.filter(filters.accepts);
    if (items.length === 0) return void fill(element, empty({ title: "The log is empty", text: "Every change that somebody makes is recorded here, in order.", command: commands.tail }));
    fill(element,
      filters.active() && h("p", { class: "hint", role: "status" }, `${count(shown.length)} of ${plural(items.length, "loaded entry", "loaded entries")} match.`),
      shown.length > 0 && table({ caption: "Audit entries, newest first", columns: columns(), rows: shown }),
      oldest > 0 ? h("p", { class: "more" }, h("button", { type: "button", on: { click: () => attempt(log.older) } }, "Load older entries")) : h("p", { class: "hint more" }, "This is the beginning of the log."));
  }
  async function attempt(act) {
    element.setAttribute("aria-busy", "true");
    try {
      await act();
      draw();
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) fill(element, failure(error, () => attempt(act)));
    } finally {
      element.setAttribute("aria-busy", "false");
    }
  }
  events.on(["log", "reset"], calmly(() => attempt(log.newer), 600, signal), signal);
  await attempt(log.newer);
  return h("div", {},
    pageHead("Audit", { lead: "Who did what, in a log that cannot be changed unseen. Each entry has a proof.", actions: [...filters.controls, jump(navigate)] }),
    element);
}

/** Loaded entries, newest first; grows at both ends. */
function entryList(api, signal) {
  const list = { items: [], oldest: 0 };
  const bySequence = new Map();
  const take = (page) => {
    for (const entry of page.items) bySequence.set(entry.sequence, entry);
    list.items = [...bySequence.values()].sort((left, right) => right.sequence - left.sequence);
    list.oldest = list.items.at(-1)?.sequence ?? 0;
  };
  list.newer = async () => take(await api.auditEntries({ limit: PAGE }, signal));
  list.older = async () => {
    const from = Math.max(0, list.oldest - PAGE);
    take(await api.auditEntries({ from, limit: list.oldest - from }, signal));
  };
  return list;
}

function filterControls(onChange, query) {
  const decision = select([["", "All decisions"], ["allowed", "Allowed"], ["denied", "Denied"]], { value: "", "aria-label": "Decision" });
  const text = textInput({ type: "search", placeholder: "Actor, action, resource…", "aria-label": "Show entries that hold", value: query.text ?? "", "data-filter": true });
  decision.addEventListener("change", onChange);
  text.addEventListener("input", onChange);
  return {
    controls: [text, decision],
    active: () => decision.value !== "" || text.value.trim() !== "",
    accepts: (entry) => {
      const words = text.value.trim().toLowerCase().split(/\s+/);
      const hay = `${entry.sequence} ${entry.actor} ${entry.action} ${entry.resource} ${entry.outcome} ${entry.request}`.toLowerCase();
      return (decision.value === "" || isDenied(entry) === (decision.value === "denied")) && words.every((word) => hay.includes(word));
    },
  };
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
