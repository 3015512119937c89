// The log entry of docs/formats/entry.md.

import { Reader } from "./canonical.js";

const KIND = { noun: "log entry", magic: "CMLE", version: 1 };

/** Reads the canonical bytes of an entry. */
export function decodeEntry(bytes) {
  const reader = new Reader(bytes, KIND);
  const entry = {
    sequence: reader.u64("sequence"),
    previous: reader.digest("previous"),
    time: reader.time("time"),
    decision: decisionOf(reader.u8("decision")),
    request: reader.text("request"),
    actor: reader.text("actor"),
    project: reader.text("project"),
    action: reader.text("action"),
    resource: reader.text("resource"),
    outcome: reader.text("outcome"),
    details: Object.fromEntries(reader.list("details", () => [reader.text("details key"), reader.text("details value")])),
  };
  reader.finish();
  return entry;
}

/** The fields in which `shown` (an entry as the API told it) differs from the decoded bytes. */
export function differences(entry, shown) {
  const plain = ["sequence", "decision", "request", "actor", "project", "action", "resource", "outcome"];
  const different = plain.filter((field) => entry[field] !== shown[field]);
  if (new Date(entry.time).getTime() !== new Date(shown.time).getTime()) different.push("time");
  const keys = new Set([...Object.keys(entry.details), ...Object.keys(shown.details ?? {})]);
  for (const key of keys) if (entry.details[key] !== shown.details?.[key]) different.push(`details.${key}`);
  return different;
}

function decisionOf(byte) {
  if (byte === 0) return "denied";
  if (byte === 1) return "allowed";
  throw new Error("the field `decision` does not hold a value that it can have");
}
