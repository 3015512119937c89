// What a task is to run, and on what, as fields of a form.

import { h, icon } from "./dom.js";
import { field, FieldError, pointerOf, select, textInput } from "./form.js";
import { limitFields } from "./limit_fields.js";
import { sourcePicker } from "./source.js";
import { linesOf } from "./task_request.js";

const PROFILES = [["default", "default"], ["det-1", "det-1: same run, same output and fuel"]];

/**
 * The fields, filled from `start`. `base` is put before the names of fields, such as `task.`; with `others` input may come
 * from what other tasks leave. `read()` answers that part of what `POST /tasks` takes.
 */
export function taskFields({ api, signal, start, base = "", others = true }) {
  const named = (key) => `${base}${key}`;
  const at = (key) => pointerOf(named(key));
  const kinds = ["object", "digest", ...(others ? ["task"] : [])];
  const module = sourcePicker({ api, signal, kinds: ["object", "name", "digest"], label: "Module", pointer: at("module"), initial: start.module });
  const args = lineArea((start.args ?? []).join("\n"));
  const env = lineArea(Object.entries(start.env ?? {}).map(([key, value]) => `${key}=${value}`).join("\n"), "LANG=C");
  const stdin = sourcePicker({ api, signal, kinds: ["none", ...kinds], label: "Standard input", pointer: at("stdin"), initial: start.stdin });
  const inputs = inputList({ api, signal, kinds, pointer: at("inputs"), initial: start.inputs ?? [] });
  const outputs = h("input", { type: "checkbox" });
  outputs.checked = start.output_directory ?? false;
  const profile = select(PROFILES, { value: start.profile ?? "default" });
  const limits = limitFields(start.limits, named);
  const fields = [
    field({ label: "Module", name: named("module"), control: module.element, hint: "A WASI command, such as an object that you uploaded." }),
    field({ label: "Arguments", name: named("args"), control: args, hint: "One on each line, without quotes." }),
    field({ label: "Standard input", name: named("stdin"), control: stdin.element }),
    h("div", { class: "field", data: { pointer: at("inputs") } }, h("span", { class: "label" }, "Input files"), inputs.element, h("p", { class: "hint" }, "The program finds them below /in and cannot change them."), h("p", { class: "field-error", "aria-live": "polite" })),
    field({ label: "Give it a directory /out for output files", name: named("output_directory"), control: outputs }),
    more("Environment and profile",
      field({ label: "Environment", name: named("env"), control: env, hint: "NAME=value, one on each line." }),
      field({ label: "Profile", name: named("profile"), control: profile })),
    more("Limits", h("p", { class: "hint" }, "An empty field means the node's own limit. Units such as ms, s, KiB and MiB are understood."), h("div", { class: "grid" }, limits.fields)),
  ];
  const read = async () => ({
    module: module.value(), args: linesOf(args.value), env: environment(env.value, at("env")), stdin: stdin.value(), inputs: inputs.value(),
    output_directory: outputs.checked, limits: limits.value(), profile: profile.value,
  });
  return { fields, read, profile };
}

/** A part of a form that is closed until somebody wants it. */
export const more = (title, ...content) => h("details", { class: "more-fields" }, h("summary", {}, title), content);

function lineArea(text, placeholder = null) {
  const area = h("textarea", { rows: 2, class: "mono", spellcheck: "false", placeholder });
  area.value = text;
  return area;
}

/** Input files, each a path in the guest and a source. */
function inputList({ api, signal, kinds, pointer, initial }) {
  const rows = [];
  const list = h("div", { class: "rows" });
  const add = (start) => {
    const path = textInput({ "aria-label": `Path of input file ${rows.length + 1}`, placeholder: "book.txt", class: "narrow", value: start?.path ?? "" });
    const source = sourcePicker({ api, signal, kinds, label: `Input file ${rows.length + 1}`, pointer, initial: start?.source ?? null });
    const row = { path, source, element: h("div", { class: "input-row" }, path, source.element, h("button", { type: "button", class: "quiet round", "aria-label": "Remove this input file", on: { click: () => remove(row) } }, icon("cross"))) };
    rows.push(row);
    list.append(row.element);
    return row;
  };
  const remove = (row) => {
    rows.splice(rows.indexOf(row), 1);
    row.element.remove();
    another.focus();
  };
  const another = h("button", { type: "button", on: { click: () => add(null).path.focus() } }, icon("plus"), "Add an input file");
  initial.forEach(add);
  const value = () => rows.map(({ path, source }) => {
    if (path.value.trim() === "") throw new FieldError(pointer, "Say under which path the program finds the file.");
    return { path: path.value.trim(), source: source.value() };
  });
  return { element: h("div", {}, list, another), value };
}

function environment(text, pointer) {
  return Object.fromEntries(linesOf(text).map((line) => {
    const split = line.indexOf("=");
    if (split < 1) throw new FieldError(pointer, `\`${line}\` has no name: write NAME=value.`);
    return [line.slice(0, split), line.slice(split + 1)];
  }));
}
