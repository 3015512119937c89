// When a task runs, after what, how often it is attempted and how far it is checked, as fields of a form.

import { h } from "./dom.js";
import { field, pointerOf, select, textInput } from "./form.js";
import { more } from "./task_form.js";
import { planOf, quorumOf, QUORUMS, textsOf, wordsOf } from "./task_request.js";

const PRIORITIES = [["", "5, as usual"], ...Array.from({ length: 10 }, (_, index) => 9 - index).map((number) =>
  [String(number), { 0: "0, the least urgent", 9: "9, the most urgent" }[number] ?? String(number)])];

/**
 * The fields behind "More", filled from `start`. `profile` is the field that a quorum needs. A task that is `scheduled` has
 * its time and its key from elsewhere, and waits for no other. `read()` answers that part of what `POST /tasks` takes.
 */
export function planFields({ start, profile, base = "", scheduled = false }) {
  const named = (key) => `${base}${key}`;
  const texts = textsOf(start.plan);
  const controls = {
    priority: select(PRIORITIES, { value: texts.priority }),
    notBefore: h("input", { type: "datetime-local", step: 1 }),
    key: textInput({ value: texts.key, placeholder: "nightly", class: "mono" }),
    attempts: textInput({ value: texts.attempts, inputmode: "numeric", placeholder: "3" }),
    wait: textInput({ value: texts.wait, placeholder: "1 s" }),
    timeout: textInput({ value: texts.timeout, placeholder: "as the wall time" }),
    labels: textInput({ value: texts.labels, placeholder: "zone=a disk=fast", class: "mono" }),
    onExit: h("input", { type: "checkbox" }),
    onTrap: h("input", { type: "checkbox" }),
  };
  controls.notBefore.value = texts.notBefore;
  controls.onExit.checked = texts.onExit;
  controls.onTrap.checked = texts.onTrap;
  const after = h("textarea", { rows: 2, class: "mono", spellcheck: "false", placeholder: "tsk_…" });
  after.value = (start.after ?? []).join("\n");
  const quorum = select([["", "One node, as usual"], ...QUORUMS], { value: start.quorum ?? "" });
  quorum.addEventListener("change", () => {
    if (quorum.value !== "") profile.value = "det-1";
  });
  const element = more(scheduled ? "More: how urgent, how often, where" : "More: when, after what, how often, where",
    !scheduled && field({ label: "After these tasks", name: named("after"), control: after, hint: "Ids of tasks that must succeed first, with spaces between them. Those that it reads from need not be here. If one of them fails, this one is cancelled." }),
    h("div", { class: "grid" }, planGrid(controls, named, scheduled)),
    h("div", { class: "field", data: { pointer: pointerOf(named("plan.retry.on")) } }, h("span", { class: "label" }, "Attempt it again after"),
      checkbox(controls.onExit, "another exit code than 0"), checkbox(controls.onTrap, "a trap"),
      h("p", { class: "hint" }, "Failures of the node are always worth another attempt."), h("p", { class: "field-error", "aria-live": "polite" })),
    field({ label: "Labels", name: named("plan.labels"), control: controls.labels, hint: "Only a node that has all of them runs it." }),
    field({ label: "Run it on several nodes", name: named("quorum"), control: quorum, hint: "Nodes of distinct owners run it, and so many must come to the same output and fuel, else it is dead. This chooses the profile det-1 too: only its runs can be compared." }));
  const read = () => {
    const given = Object.fromEntries(Object.entries(controls).map(([key, control]) => [key, control.type === "checkbox" ? control.checked : control.value]));
    const agreed = quorumOf(quorum.value, profile.value, pointerOf(named("quorum")));
    return {
      plan: planOf(given, (key) => pointerOf(named(`plan/${key}`))),
      ...(!scheduled && { after: wordsOf(after.value) }),
      ...(agreed && { quorum: agreed }),
    };
  };
  return { element, read };
}

function planGrid(controls, named, scheduled) {
  return [
    field({ label: "Priority", name: named("plan.priority"), control: controls.priority }),
    !scheduled && field({ label: "Not before", name: named("plan.not_before"), control: controls.notBefore, hint: "By your clock." }),
    !scheduled && field({ label: "Key", name: named("plan.key"), control: controls.key, hint: "While a task of this key is open, there is no other." }),
    field({ label: "Attempts at most", name: named("plan.retry.attempts"), control: controls.attempts }),
    field({ label: "Wait before the second", name: named("plan.retry.wait_ms"), control: controls.wait }),
    field({ label: "Time for everything", name: named("plan.timeout_ms"), control: controls.timeout, hint: "Queue, attempts and waits." }),
  ];
}

const checkbox = (input, text) => h("label", { class: "check" }, input, h("span", {}, text));
