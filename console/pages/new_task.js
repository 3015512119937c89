// The form that runs a task.

import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { field, FieldError, form, select, textInput } from "../ui/form.js";
import { bytes, count, duration, parseBytes, parseCount, parseDuration } from "../ui/format.js";
import { pageHead } from "../ui/parts.js";
import { sourcePicker } from "../ui/source.js";

/** Each limit with the reader and writer of its text. */
const LIMITS = [
  { key: "wall_ms", label: "Wall time", read: parseDuration, write: duration, example: "30 s" },
  { key: "fuel", label: "Fuel", read: parseCount, write: count, example: "20e9" },
  { key: "memory_bytes", label: "Memory", read: parseBytes, write: bytes, example: "256 MiB" },
  { key: "output_bytes", label: "Output", read: parseBytes, write: bytes, example: "16 MiB" },
  { key: "log_bytes", label: "Standard error", read: parseBytes, write: bytes, example: "1 MiB" },
  { key: "stack_bytes", label: "Stack", read: parseBytes, write: bytes, example: "1 MiB" },
  { key: "table_elements", label: "Table elements", read: parseCount, write: count, example: "100000" },
  { key: "instances", label: "Instances", read: parseCount, write: count, example: "16" },
  { key: "compile_ms", label: "Compile time", read: parseDuration, write: duration, example: "30 s" },
  { key: "compile_memory_bytes", label: "Compile memory", read: parseBytes, write: bytes, example: "2 GiB" },
];

export const title = () => "Run a task";

/** `?bucket=&key=`, `?name=` or `?digest=` choose the module; `?again=` starts from another task. */
export async function render({ api, signal, query, navigate }) {
  const start = query.again ? await fromTask(api, query.again, signal) : { module: moduleOf(query) };
  const parts = inputsOfForm({ api, signal, start });
  const element = form({
    className: "form page-form",
    fields: parts.fields,
    submit: "Run",
    onSubmit: async () => {
      const task = await api.submitTask(await parts.read());
      navigate(hashFor(["tasks", task.id]));
    },
    onCancel: () => navigate(hashFor(["tasks"])),
  });
  return h("div", {}, pageHead("Run a task", { trail: [["Tasks", hashFor(["tasks"])]], lead: "The program sees its arguments, its environment and the inputs chosen here, and nothing else." }), element);
}

function moduleOf(query) {
  if (query.bucket && query.key) return { bucket: query.bucket, key: query.key };
  if (query.name) return { name: query.name };
  return query.digest ?? null;
}

async function fromTask(api, id, signal) {
  const task = await api.task(id, signal);
  return { ...task, inputs: task.inputs.map(({ path, digest }) => ({ path, source: digest })) };
}

function inputsOfForm({ api, signal, start }) {
  const module = sourcePicker({ api, signal, kinds: ["object", "name", "digest"], label: "Module", pointer: "/module", initial: start.module });
  const args = h("textarea", { rows: 2, class: "mono", spellcheck: "false" });
  args.value = (start.args ?? []).join("\n");
  const env = h("textarea", { rows: 2, class: "mono", spellcheck: "false", placeholder: "LANG=C" });
  env.value = Object.entries(start.env ?? {}).map(([key, value]) => `${key}=${value}`).join("\n");
  const stdin = sourcePicker({ api, signal, kinds: ["none", "object", "digest"], label: "Standard input", pointer: "/stdin", initial: start.stdin });
  const inputs = inputList({ api, signal, initial: start.inputs ?? [] });
  const outputs = h("input", { type: "checkbox" });
  outputs.checked = start.output_directory ?? false;
  const profile = select([["default", "default"], ["det-1", "det-1: same run, same output and fuel"]], { value: start.profile ?? "default" });
  const limits = limitFields(start.limits);
  const fields = [
    field({ label: "Module", name: "module", control: module.element, hint: "A WASI command, such as an object that you uploaded." }),
    field({ label: "Arguments", name: "args", control: args, hint: "One on each line, without quotes." }),
    field({ label: "Standard input", name: "stdin", control: stdin.element }),
    h("div", { class: "field", data: { pointer: "/inputs" } }, h("span", { class: "label" }, "Input files"), inputs.element, h("p", { class: "hint" }, "The program finds them below /in and cannot change them."), h("p", { class: "field-error", "aria-live": "polite" })),
    field({ label: "Give it a directory /out for output files", name: "output_directory", control: outputs }),
    h("details", { class: "more-fields" }, h("summary", {}, "Environment and profile"),
      field({ label: "Environment", name: "env", control: env, hint: "NAME=value, one on each line." }),
      field({ label: "Profile", name: "profile", control: profile })),
    h("details", { class: "more-fields" }, h("summary", {}, "Limits"), h("p", { class: "hint" }, "An empty field means the node's own limit. Units such as ms, s, KiB and MiB are understood."), h("div", { class: "grid" }, limits.fields)),
  ];
  const read = async () => ({
    module: module.value(), args: lines(args.value), env: environment(env.value), stdin: stdin.value(), inputs: inputs.value(),
    output_directory: outputs.checked, limits: limits.value(), profile: profile.value,
  });
  return { fields, read };
}

/** Input files, each a path in the guest and a source. */
function inputList({ api, signal, initial }) {
  const rows = [];
  const list = h("div", { class: "rows" });
  const add = (start) => {
    const path = textInput({ "aria-label": `Path of input file ${rows.length + 1}`, placeholder: "book.txt", class: "narrow", value: start?.path ?? "" });
    const source = sourcePicker({ api, signal, kinds: ["object", "digest"], label: `Input file ${rows.length + 1}`, pointer: "/inputs", initial: start?.source ?? null });
    const row = { path, source, element: h("div", { class: "input-row" }, path, source.element, h("button", { type: "button", class: "quiet round", "aria-label": "Remove this input file", on: { click: () => remove(row) } }, icon("cross"))) };
    rows.push(row);
    list.append(row.element);
    return row;
  };
  const remove = (row) => {
    rows.splice(rows.indexOf(row), 1);
    row.element.remove();
    more.focus();
  };
  const more = h("button", { type: "button", on: { click: () => add(null).path.focus() } }, icon("plus"), "Add an input file");
  initial.forEach(add);
  const value = () => rows.map(({ path, source }) => {
    if (path.value.trim() === "") throw new FieldError("/inputs", "Say under which path the program finds the file.");
    return { path: path.value.trim(), source: source.value() };
  });
  return { element: h("div", {}, list, more), value };
}

function limitFields(initial) {
  const inputs = LIMITS.map((limit) => ({ limit, input: textInput({ placeholder: limit.example, value: initial ? written(limit, initial[limit.key]) : "" }) }));
  const fields = inputs.map(({ limit, input }) => field({ label: limit.label, name: `limits.${limit.key}`, control: input }));
  const value = () => {
    const given = inputs.filter(({ input }) => input.value.trim() !== "");
    return Object.fromEntries(given.map(({ limit, input }) => {
      const number = limit.read(input.value);
      if (number === null) throw new FieldError(`/limits/${limit.key}`, `Write a value such as ${limit.example}.`);
      return [limit.key, number];
    }));
  };
  return { fields, value };
}

/** A limit with its unit if that loses nothing, else the bare number. */
function written(limit, value) {
  const text = limit.write(value);
  return limit.read(text) === value ? text : String(value);
}

const lines = (text) => text.split("\n").map((line) => line.replace(/\r$/, "")).filter((line) => line !== "");

function environment(text) {
  return Object.fromEntries(lines(text).map((line) => {
    const split = line.indexOf("=");
    if (split < 1) throw new FieldError("/env", `\`${line}\` has no name: write NAME=value.`);
    return [line.slice(0, split), line.slice(split + 1)];
  }));
}
