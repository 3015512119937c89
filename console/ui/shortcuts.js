// Keyboard shortcuts. They are off while something is typed and never take a key with Ctrl, Alt or Meta.

import { h } from "./dom.js";
import { openDialog } from "./dialog.js";

const GO = { o: ["#/overview", "overview"], t: ["#/tasks", "tasks"], b: ["#/objects", "objects (buckets)"], n: ["#/names", "names"], a: ["#/audit", "audit"], k: ["#/keys", "keys"] };
const PREFIX_MS = 1500;

/** Starts listening. `active()` says whether somebody is signed in. */
export function bindShortcuts({ navigate, can, active }) {
  let prefixAt = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (event.key === "?") return handled(event, showShortcuts);
    if (!active() || document.querySelector("dialog[open]")) return;
    const prefixed = event.timeStamp - prefixAt < PREFIX_MS;
    prefixAt = -Infinity;
    if (prefixed && Object.hasOwn(GO, event.key)) return handled(event, () => navigate(GO[event.key][0]));
    if (event.key === "g") prefixAt = event.timeStamp;
    if (event.key === "r" && can("tasks:write")) return handled(event, () => navigate("#/tasks/new"));
    if (event.key === "/") return handled(event, () => document.querySelector("[data-filter]")?.focus());
  });
}

/** Lists the shortcuts. */
export function showShortcuts() {
  if (document.querySelector("dialog[open]")) return;
  const rows = [...Object.entries(GO).map(([key, [, label]]) => [["g", key], `Go to ${label}`]), [["r"], "Run a task"], [["/"], "Go to the filter of the page"], [["?"], "Show this list"], [["Esc"], "Close a dialog"]];
  openDialog({
    title: "Keyboard shortcuts",
    content: h("dl", { class: "shortcuts" }, rows.map(([keys, label]) => h("div", {}, h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, label)))),
  });
}

function handled(event, act) {
  event.preventDefault();
  act();
}

const isTyping = (target) => target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
