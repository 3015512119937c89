// Forms that send JSON: labelled fields, one error beside the field that the API points at, and a busy state.

import { fill, h } from "./dom.js";
import { sentence } from "./format.js";

/** A labelled control. `name` is matched with the pointer of a problem, such as `/limits/fuel`. */
export function field({ label, name, hint = null, control }) {
  const id = `field-${(serial += 1)}`;
  const input = control.matches("input, select, textarea") ? control : control.querySelector("input, select, textarea");
  input.id = id;
  if (!input.name) input.name = name;
  const described = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  input.setAttribute("aria-describedby", described);
  return h("div", { class: input.type === "checkbox" ? "field inline" : "field", data: { pointer: pointerOf(name) } },
    h("label", { for: id }, label), control,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "field-error", id: `${id}-error`, "aria-live": "polite" }));
}

/** Where the value of a field stands in what is sent. */
export const pointerOf = (name) => `/${name.replaceAll(".", "/")}`;

/** A text input. Browser help that would change a technical value is off. */
export const textInput = (properties = {}) => h("input", { type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...properties });

/** A select over `[value, text]` pairs. */
export function select(options, { value = "", ...properties } = {}) {
  const element = h("select", properties, options.map(([key, text]) => h("option", { value: key }, text)));
  element.value = value;
  return element;
}

/** An input problem found before sending. */
export class FieldError extends Error {
  constructor(pointer, message) {
    super(message);
    Object.assign(this, { name: "FieldError", pointer });
  }
}

/** A form. `onSubmit` may throw: the message is shown at its field, or above the buttons. */
export function form({ fields, submit, onSubmit, onCancel = null, className = "form" }) {
  const problem = h("div", { class: "form-problem", role: "alert" });
  const button = h("button", { type: "submit", class: "primary" }, submit);
  const cancel = onCancel && h("button", { type: "button", on: { click: onCancel } }, "Cancel");
  const element = h("form", { class: className, novalidate: true }, fields, problem, h("div", { class: "actions end" }, cancel, button));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    clearProblems(element, problem);
    button.disabled = true;
    element.setAttribute("aria-busy", "true");
    try {
      await onSubmit();
    } catch (error) {
      showProblem(element, problem, error);
    } finally {
      button.disabled = false;
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

function clearProblems(element, problem) {
  fill(problem);
  for (const slot of element.querySelectorAll(".field-error")) fill(slot);
  for (const input of element.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

function showProblem(element, problem, error) {
  const owner = error.pointer && fieldOf(element, error.pointer);
  if (!owner) {
    fill(problem, h("p", {}, sentence(error.message)), error.hint && h("p", { class: "hint" }, sentence(error.hint)));
    return;
  }
  owner.closest("details")?.setAttribute("open", "");
  fill(owner.querySelector(".field-error"), sentence(error.message), error.hint ? ` ${sentence(error.hint)}` : "");
  const input = owner.querySelector("input:not([type=radio]), select, textarea");
  input?.setAttribute("aria-invalid", "true");
  input?.focus();
}

/** The field with the longest pointer that the problem's pointer begins with. */
function fieldOf(element, pointer) {
  const fields = [...element.querySelectorAll("[data-pointer]")];
  const holding = fields.filter((one) => pointer === one.dataset.pointer || pointer.startsWith(`${one.dataset.pointer}/`));
  return holding.sort((left, right) => right.dataset.pointer.length - left.dataset.pointer.length)[0] ?? null;
}

let serial = 0;
