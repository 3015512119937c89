// Checks the proof of a name: its record, the log entry that names it, and the entry's way into a signed checkpoint.

import { concat, ed25519Verify, equal, sha256, toHex } from "./bytes.js";
import { parseNameBundle } from "./bundle_text.js";
import { Reader } from "./canonical.js";
import { decodeEntry } from "./entry.js";
import { proveInclusion } from "./inclusion.js";
import { leafHash } from "./merkle.js";
import { createSteps, mismatch } from "./steps.js";

const KIND = { noun: "name record", magic: "CMNR", version: 1 };
const SIGNED_KIND = { noun: "signed name record", magic: "CMNS", version: 1 };
const CHANGES = ["claimed", "updated", "renewed", "offered", "withdrawn", "declined", "transferred", "rotated", "recovering", "recovered", "suspended", "resumed", "revoked", "released", "lapsed", "removed"];
const STANDINGS = ["good", "suspended", "revoked"];
/** What owners sign; the registry makes the rest by itself. */
const OWNED = ["claimed", "updated", "renewed", "offered", "withdrawn", "transferred", "rotated", "released"];
const KEY_BYTES = [0, 32, 32 + 1952];
const SIGNATURE_BYTES = 96;
/** The detail of a log entry that names a record. */
const DETAIL = "record";

/**
 * Runs all steps and returns `{ ok, steps }`. `verifierKey` comes from elsewhere than the bundle; `name` is what the page shows;
 * `onStep` hears of each step as it ends.
 */
export async function checkName(text, { verifierKey, name }, onStep) {
  const run = createSteps(onStep);
  const bundle = await run.step("Read the proof", () => read(text, verifierKey));
  await run.step("Compare the record with this page", () => compareWith(bundle.record, name));
  await run.step("Check the owner's signature", () => checkOwner(bundle));
  await run.step("Find the record in its log entry", () => findInEntry(bundle));
  await proveInclusion(run, { ...bundle, verifierKey });
  return { ok: run.ok, steps: run.steps };
}

async function read(text, verifierKey) {
  const parts = parseNameBundle(text);
  if (parts.key !== verifierKey) throw mismatch("the proof was signed with another key than this node's log", [["key of the proof", parts.key], ["key of the log", verifierKey]]);
  if (!equal(parts.leaf, await leafHash(parts.entry))) throw new Error("the entry of the proof is damaged: it does not have the hash that stands beside it");
  const value = { ...parts, ...decodeSignedName(parts.record), decodedEntry: decodeEntry(parts.entry) };
  return { detail: "It holds a record, its log entry, a proof and a checkpoint.", value };
}

/** Splits a signed record into `{ record, body, signatures }`; no signature is checked yet. */
function decodeSignedName(bytes) {
  const reader = new Reader(bytes, SIGNED_KIND);
  const body = reader.raw("record", reader.u32("record"));
  const signatures = Array.from({ length: reader.u8("signatures") }, () => reader.raw("signature", reader.u16("signature")));
  reader.finish();
  return { record: decodeRecord(body), body, signatures };
}

function decodeRecord(bytes) {
  const reader = new Reader(bytes, KIND);
  const optional = (field, take) => (reader.u8(field) === 0 ? null : take());
  const record = {
    registry: reader.text("registry"),
    change: oneOf(CHANGES, reader.u8("change") - 1, "change"),
    standing: oneOf(STANDINGS, reader.u8("standing"), "standing"),
    name: reader.text("name"),
    epoch: reader.u64("epoch"),
    sequence: reader.u64("sequence"),
    project: reader.text("project"),
    offered_to: optional("offered to", () => reader.text("offered to")),
    owner: keyOf(reader, "owner"),
    recovery: keyOf(reader, "recovery"),
    successor: keyOf(reader, "successor"),
    digest: optional("digest", () => reader.digest("digest")),
    ttl: reader.u32("dns"),
    dns: reader.list("dns", () => reader.text("dns")),
    tags: reader.text("tags"),
    issued: reader.time("issued"),
    take_until: reader.time("take until"),
    expires: reader.time("expires"),
    previous: reader.digest("previous"),
  };
  reader.finish();
  return record;
}

function keyOf(reader, field) {
  const algorithm = reader.u8(field);
  if (algorithm === 0) return null;
  if (!KEY_BYTES[algorithm]) throw new Error(`the field \`${field}\` does not hold a value that it can have`);
  return concat(Uint8Array.of(algorithm), reader.raw(field, KEY_BYTES[algorithm]));
}

function oneOf(list, index, field) {
  if (list[index] === undefined) throw new Error(`the field \`${field}\` does not hold a value that it can have`);
  return list[index];
}

function compareWith(record, name) {
  const same = {
    name: record.name === name.name,
    version: record.sequence === name.sequence,
    project: record.project === name.project,
    digest: name.digest === null || record.digest === name.digest,
    end: record.expires === new Date(name.expires).toISOString(),
  };
  const wrong = Object.keys(same).filter((field) => !same[field]);
  if (wrong.length > 0) throw new Error(`the record says something else than this page: ${wrong.join(", ")}`);
  const rows = [["registry", record.registry], ["version", `${record.sequence} (${record.change})`], ["project", record.project], ["digest", record.digest ?? "none"], ["ends", record.expires], ["version before", record.previous]];
  return { detail: "Version, project, content and end are the ones shown above.", rows };
}

async function checkOwner({ record, body, signatures }) {
  if (record.owner === null) return { detail: "The name has no owner's key: the registry alone says this." };
  if (!OWNED.includes(record.change)) return { detail: `A version that is ${record.change} is made by the registry alone.` };
  const fingerprint = await sha256(record.owner);
  const signature = signatures.find((signature) => equal(signature.slice(0, 32), fingerprint));
  if (!signature) throw new Error("the name has an owner's key, which did not sign this version");
  if (!(await ed25519Verify(record.owner.slice(1, 33), signature.slice(32, SIGNATURE_BYTES), body))) throw new Error("the owner's signature does not hold");
  const hybrid = record.owner[0] === 2;
  if (hybrid !== signature.length > SIGNATURE_BYTES) throw new Error("the owner's signature is of another kind than its key");
  const half = hybrid ? " Its ML-DSA-65 half is not checked in browsers: `casemate verify` checks it." : "";
  return { detail: `The owner's Ed25519 signature is good.${half}`, rows: [["fingerprint of the key", `sha256:${toHex(fingerprint)}`]] };
}

async function findInEntry({ record, body, decodedEntry, sequence }) {
  const digest = `sha256:${toHex(await sha256(body))}`;
  const rows = [["digest of the record", digest], ["named by the entry", decodedEntry.details[DETAIL] ?? "nothing"]];
  if (decodedEntry.details[DETAIL] !== digest) throw mismatch("the log entry names another record", rows);
  if (decodedEntry.sequence !== sequence) throw new Error(`the entry is number ${decodedEntry.sequence}, the proof is for ${sequence}`);
  if (decodedEntry.decision !== "allowed" || decodedEntry.resource !== `name:${record.name}`) throw new Error("the log entry is about something else than the name");
  return { detail: `Entry ${sequence} (${decodedEntry.action} by ${decodedEntry.actor}) names exactly this record.`, rows };
}
