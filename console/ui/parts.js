// Small pieces that every page is made of.

import { fill, h, icon } from "./dom.js";
import { absolute, relative, sentence, shortDigest } from "./format.js";
import { toast, toastError } from "./toast.js";

/** A badge: colour and word, never colour alone. `tone`: ok, warn, bad, busy, plain. */
export const badge = (text, tone = "plain") => h("span", { class: `badge ${tone}` }, text);

const STATE_TONES = {
  queued: "plain", leased: "busy", running: "busy", retry_wait: "warn", succeeded: "ok",
  failed: "bad", cancelled: "plain", timed_out: "bad", dead: "bad",
};

/** States a task can be in, in the order of its life. */
export const TASK_STATES = Object.keys(STATE_TONES);

/** States in which a task still changes. */
export const isLive = (state) => ["queued", "leased", "running", "retry_wait"].includes(state);

/** A task's state in words, and the tone that goes with it. */
export const stateText = (state) => state?.replace("_", " ") ?? "unknown";
export const stateTone = (state) => STATE_TONES[state] ?? "plain";

/** The badge of a task's state. */
export const stateBadge = (state) => badge(stateText(state), stateTone(state));

/** The badge of a check or wall. */
export function statusBadge(status) {
  const good = ["ok", "in force", "in_force", "enforced", "on", "active"];
  const bad = ["failing", "missing", "off", "absent", "failed"];
  return badge(status.replace("_", " "), good.includes(status) ? "ok" : bad.includes(status) ? "bad" : "warn");
}

/** A moment as "5 s ago", kept current by the page's clock, with the full time on hover and focus. */
export function moment(time) {
  if (!time) return h("span", { class: "muted" }, "never");
  return h("time", { datetime: time, title: absolute(time), data: { relative: "" } }, relative(time, Date.now()));
}

/** Keeps all moments on the page current. */
export function startClock() {
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const text = relative(element.dateTime, Date.now());
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}

/** A long text on one line; focus or hover shows all of it. */
export const clip = (text, mono = false) => h("span", { class: mono ? "clip mono" : "clip", tabindex: 0, title: text }, text);

/** A digest: its head, all of it on hover, and a button that copies it. */
export function digestOf(digest) {
  if (!digest) return h("span", { class: "muted" }, "none");
  return h("span", { class: "digest" }, h("code", { title: digest }, shortDigest(digest)), copyButton(digest, "digest"));
}

/** A button that puts `text` on the clipboard. */
export function copyButton(text, noun) {
  const button = h("button", { type: "button", class: "quiet round", title: `Copy ${noun}`, "aria-label": `Copy ${noun}` }, icon("copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      fill(button, icon("check"));
      toast(`Copied the ${noun}.`);
    } catch {
      toastError(new Error(`The browser did not allow copying. The ${noun} is: ${text}`));
    }
  });
  return button;
}

/** Facts as a list of terms; entries without a value are left out. */
export function facts(entries) {
  const shown = entries.filter((entry) => entry && entry[1] !== null && entry[1] !== undefined);
  return h("dl", { class: "facts" }, shown.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

/** A titled part of a page. */
export function panel(title, content, { actions = null, hint = null } = {}) {
  return h("section", { class: "panel" },
    h("header", {}, h("h2", {}, title), hint && h("p", { class: "hint" }, hint), actions && h("div", { class: "actions" }, actions)),
    content);
}

/** The head of a page. `heading` takes the focus after navigation. */
export function pageHead(heading, { lead = null, actions = null, trail = [] } = {}) {
  const parents = trail.map(([text, target]) => [h("a", { href: target }, text), h("span", { "aria-hidden": "true" }, "/")]);
  return h("header", { class: "page-head" },
    trail.length > 0 && h("nav", { class: "trail", "aria-label": "Where this page is" }, parents),
    h("div", { class: "page-title" }, h("h1", { tabindex: -1 }, heading), actions && h("div", { class: "actions" }, actions)),
    lead && h("p", { class: "lead" }, lead));
}

/** What to do when there is nothing: a sentence, the button for it, and the command that does the same. */
export function empty({ title, text, action = null, command = null }) {
  return h("div", { class: "empty" }, h("h3", {}, title), h("p", {}, text), action,
    command && h("p", { class: "command" }, h("code", {}, command), copyButton(command, "command")));
}

/** Shown while something loads. */
export const loading = (what = "Loading") => h("p", { class: "loading", role: "status" }, `${what}…`);

/** What went wrong, how to mend it, and buttons that try again or go back. */
export function failure(error, retry, back = null) {
  return h("div", { class: "failure", role: "alert" },
    h("h3", {}, error.title || "This could not be loaded"),
    h("p", {}, sentence(error.message)),
    error.hint && h("p", { class: "hint" }, sentence(error.hint)),
    error.request && h("p", { class: "hint" }, "Request ", h("code", {}, error.request)),
    h("div", { class: "actions" },
      retry && h("button", { type: "button", on: { click: retry } }, "Try again"),
      back && h("button", { type: "button", on: { click: back } }, "Go back")));
}

/**
 * A region that loads by itself: shows the wait, then what `load` returns, or the failure with a retry. A reload
 * keeps the old content until the new is there. Returns `{ element, reload }`.
 */
export function region(load, signal, { what, live = false } = {}) {
  const element = h("div", { class: "region", "aria-busy": "true", "aria-live": live ? "polite" : null }, loading(what));
  let round = 0;
  let shown = element;
  async function reload() {
    const mine = (round += 1);
    element.setAttribute("aria-busy", "true");
    try {
      const content = await load();
      if (mine !== round) return;
      // What is there already stays where it is, and with it the focus.
      if (content !== shown) fill(element, content);
      shown = content;
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted || mine !== round) return;
      shown = element;
      fill(element, failure(error, reload));
    } finally {
      if (mine === round) element.setAttribute("aria-busy", "false");
    }
  }
  return { element, reload, start: reload() };
}

/** Calls `act` once after a burst of calls has been quiet for `ms`. */
export function calmly(act, ms, signal) {
  let timer = null;
  signal?.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    if (!signal?.aborted) timer = setTimeout(act, ms);
  };
}
