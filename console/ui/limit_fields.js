// The limits of a task as fields of a form.

import { field, FieldError, pointerOf, textInput } from "./form.js";
import { bytes, count, duration, parseBytes, parseCount, parseDuration } from "./format.js";

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

/** Fields for every limit; `value()` answers those that were given, `named(key)` is the name of a field of the form. */
export function limitFields(initial, named) {
  const inputs = LIMITS.map((limit) => ({ limit, input: textInput({ placeholder: limit.example, value: initial?.[limit.key] === undefined ? "" : written(limit, initial[limit.key]) }) }));
  const fields = inputs.map(({ limit, input }) => field({ label: limit.label, name: named(`limits.${limit.key}`), control: input }));
  const value = () => {
    const given = inputs.filter(({ input }) => input.value.trim() !== "");
    return Object.fromEntries(given.map(({ limit, input }) => {
      const number = limit.read(input.value);
      if (number === null) throw new FieldError(pointerOf(named(`limits.${limit.key}`)), `Write a value such as ${limit.example}.`);
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

/** Limits that were asked for, as `[name, text]`. */
export const limitTexts = (limits) => LIMITS.filter(({ key }) => limits?.[key] !== undefined).map((limit) => [limit.label, limit.write(limits[limit.key])]);
