// What a task writes while it runs, as it comes, and how far it says that it is.

import { followTask } from "../task_stream.js";
import { fill, h } from "./dom.js";
import { plural, printable } from "./format.js";
import { createTail, LINES_MAX, progressText } from "./log_tail.js";
import { panel } from "./parts.js";

/** How near the end still counts as being at the end. */
const NEAR_PX = 30;
/** What is over sooner needs no log of its own. */
const PATIENCE_MS = 300;
const STATES = { connecting: "Connecting", live: "Following", offline: "The connection is lost. It is tried again", over: "Over" };

/**
 * A panel that follows a task. `follow(task)` begins, or shows the progress that the task itself tells; `stop()` takes the
 * panel away. `onEnd` is called when the node says that the task is over.
 */
export function liveLog({ url, signal, stillLive, onEnd }) {
  const tail = createTail();
  const view = logView(tail);
  const status = h("span", { class: "muted", role: "status" });
  const bar = progressBar();
  const leave = new AbortController();
  signal.addEventListener("abort", () => leave.abort());
  leave.signal.addEventListener("abort", () => clearTimeout(timer));
  const element = h("div", { hidden: true }, bar.element, panel("Live log", [view.element], { hint: status }));
  let timer = null;

  function begin() {
    element.hidden = false;
    followTask({ url, on, stillLive, signal: leave.signal, onState: (state) => fill(status, STATES[state], state === "over" ? "" : "…") });
  }
  const on = {
    log: (piece) => view.changed(tail.add(piece)),
    progress: bar.show,
    end: onEnd,
  };

  return {
    element,
    follow(task) {
      bar.show(task.progress ?? null);
      view.waits(task.attempt === 0);
      timer ??= setTimeout(begin, PATIENCE_MS);
    },
    stop() {
      leave.abort();
      // A reader who was in it goes on at the head of the page.
      if (element.contains(document.activeElement)) document.querySelector("h1[tabindex]")?.focus({ preventScroll: true });
      // It may not stand in the page yet, if the task was over before it was drawn: then it has to come there empty.
      element.hidden = true;
      fill(element);
    },
  };
}

/** The lines, drawn once a frame. The end stays in sight until the reader scrolls away from it. */
function logView(tail) {
  const none = h("p", { class: "hint" });
  const list = h("pre", { class: "log", role: "log", "aria-live": "off", "aria-label": "Live log", tabindex: 0, hidden: true });
  const dropped = h("p", { class: "hint", hidden: true }, `Only the last ${plural(LINES_MAX, "line")} are shown. All of it can be downloaded when the task has ended.`);
  const toEnd = h("button", { type: "button", class: "small to-end", hidden: true, on: { click: () => stick(true) } }, "Go to the end");
  const drawn = new Map();
  const waiting = new Set();
  let sticks = true;
  let due = false;

  function stick(on) {
    sticks = on;
    if (on) list.scrollTop = list.scrollHeight;
    // What is hidden loses the focus.
    if (on && document.activeElement === toEnd) list.focus();
    toEnd.hidden = on;
  }

  function draw() {
    due = false;
    none.remove();
    list.hidden = false;
    dropped.hidden = tail.dropped === 0;
    const first = tail.lines[0]?.id ?? 0;
    for (const line of waiting) {
      if (line.id < first) continue;
      if (!drawn.has(line)) drawn.set(line, list.appendChild(rowOf(line)));
      drawn.get(line).lastChild.textContent = printable(line.text);
    }
    waiting.clear();
    for (const [line, row] of drawn) {
      if (line.id >= first) break;
      row.remove();
      drawn.delete(line);
    }
    if (sticks) list.scrollTop = list.scrollHeight;
  }

  list.addEventListener("scroll", () => {
    const near = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX;
    if (near !== sticks) stick(near);
  });
  return {
    element: h("div", { class: "live-log" }, none, dropped, list, toEnd),
    waits: (waits) => fill(none, waits ? "It has not begun. " : "Nothing was written so far. ", "What the program writes appears here at once."),
    changed(lines) {
      for (const line of lines) waiting.add(line);
      if (waiting.size === 0 || due) return;
      due = true;
      requestAnimationFrame(draw);
    },
  };
}

/** The mark before a line is put there by the style sheet, so that it is not copied with the text. */
const rowOf = ({ stream }) => h("span", { class: `log-line ${stream}`, data: { mark: MARKS[stream] } }, h("span"));
const MARKS = { stdout: "out", stderr: "err", note: "–" };

/** How far it is: a bar if it says of how much, and the words in any case. They come from the program. */
function progressBar() {
  const words = h("span", { class: "progress-text" });
  const bar = h("progress", { "aria-label": "Progress of the task" });
  const element = h("div", { class: "task-progress", hidden: true }, bar, words);
  function show(progress) {
    const text = progressText(progress);
    element.hidden = text === null;
    if (text === null) return;
    bar.hidden = !(progress.total > 0);
    if (!bar.hidden) Object.assign(bar, { max: progress.total, value: Math.min(progress.done, progress.total) });
    fill(words, printable(text));
  }
  return { element, show };
}
