// Choosing bytes that the node already has, by name, as an object or by digest, or that another task will leave.

import { fill, h } from "./dom.js";
import { FieldError, select, textInput } from "./form.js";

const LABELS = { none: "Nothing", name: "A name", object: "An object", digest: "A digest", task: "A task's output" };

/**
 * A picker. `kinds` is a subset of none, name, object, digest, task; `value()` answers what the API takes, or throws a
 * FieldError at `pointer`; `initial` is a digest text, `{ name }`, `{ bucket, key }` or `{ task, file }`.
 */
export function sourcePicker({ api, kinds, label, pointer, initial = null, signal }) {
  const kind = select(kinds.map((one) => [one, LABELS[one]]), { value: kindOf(initial, kinds), "aria-label": `${label}: kind of source` });
  const slot = h("span", { class: "source-value" });
  let read = () => null;

  async function draw(start) {
    read = await draws[kind.value](start);
  }
  const draws = {
    none: () => {
      fill(slot);
      return () => null;
    },
    name: (start) => {
      const input = suggesting(`${label}: name`, "thumbnails.acme", start?.name, async (text) => (await api.names({ prefix: text, limit: 20 }, signal)).items.map((one) => one.name));
      fill(slot, input.parts);
      return () => ({ name: required(input, pointer, "Choose a name.") });
    },
    digest: (start) => {
      const input = textInput({ "aria-label": `${label}: digest`, placeholder: "sha256:…", class: "mono", value: typeof start === "string" ? start : "" });
      fill(slot, input);
      return () => required({ input }, pointer, "Paste a digest: `sha256:` and 64 hex digits.");
    },
    object: (start) => objectInputs({ api, slot, label, pointer, start, signal }),
    task: (start) => taskInputs({ api, slot, label, pointer, start, signal }),
  };
  kind.addEventListener("change", () => draw(null));
  draw(initial);
  return { element: h("div", { class: "source" }, kind, slot), value: () => read() };
}

function objectInputs({ api, slot, label, pointer, start, signal }) {
  const bucket = suggesting(`${label}: bucket`, "bucket", start?.bucket, async () => (await api.buckets({ limit: 200 }, signal)).items.map((one) => one.bucket));
  const key = suggesting(`${label}: key`, "key", start?.key, async (text) =>
    bucket.input.value ? (await api.objects(bucket.input.value, { prefix: text, limit: 20 }, signal)).items.map((one) => one.key) : []);
  bucket.input.classList.add("narrow");
  fill(slot, bucket.parts, h("span", { class: "muted", "aria-hidden": "true" }, "/"), key.parts);
  return () => ({ bucket: required(bucket, pointer, "Choose a bucket."), key: required(key, pointer, "Choose an object.") });
}

function taskInputs({ api, slot, label, pointer, start, signal }) {
  const task = suggesting(`${label}: task`, "tsk_…", start?.task, latestTasks(api, signal));
  const file = textInput({ "aria-label": `${label}: file of the task`, placeholder: "file in /out, else stdout", class: "narrow", value: start?.file ?? "" });
  task.input.classList.add("mono");
  fill(slot, task.parts, file);
  return () => ({ task: required(task, pointer, "Name the task."), ...(file.value.trim() !== "" && { file: file.value.trim() }) });
}

/** Suggests the newest tasks, asked for once. */
function latestTasks(api, signal) {
  let asked = null;
  return async () => (asked ??= api.tasks({ limit: 20 }, signal).then(({ items }) => items.map(({ id }) => id)));
}

/** A text input with suggestions of the node under it. Without an answer it is a plain input. */
function suggesting(label, placeholder, value, suggest) {
  const list = h("datalist", { id: `suggest-${(serial += 1)}` });
  const input = textInput({ "aria-label": label, placeholder, list: list.id, value: value ?? "" });
  let asked = null;
  async function refresh() {
    if (asked === input.value) return;
    asked = input.value;
    const found = await suggest(input.value).catch(() => []);
    fill(list, found.map((one) => h("option", { value: one })));
  }
  input.addEventListener("focus", refresh);
  input.addEventListener("input", refresh);
  return { input, parts: [input, list] };
}

function required({ input }, pointer, message) {
  const text = input.value.trim();
  if (text === "") throw new FieldError(pointer, message);
  return text;
}

function kindOf(initial, kinds) {
  if (typeof initial === "string") return "digest";
  if (initial?.name !== undefined) return "name";
  if (initial?.bucket !== undefined) return "object";
  if (initial?.task !== undefined) return "task";
  return kinds[0];
}

let serial = 0;
