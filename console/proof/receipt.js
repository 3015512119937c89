// The signed receipt of docs/formats/receipt.md.

import { concat, ed25519Verify, sha256, toHex, utf8 } from "./bytes.js";
import { escapeText, Reader } from "./canonical.js";

const KIND = { noun: "receipt", magic: "CMRC", version: 1 };
const SIGNED_KIND = { noun: "signed receipt", magic: "CMSR", version: 1 };
const USAGE = ["wall_ms", "queue_ms", "compile_ms", "fuel", "memory_bytes_peak", "table_elements_peak", "output_bytes", "log_bytes"];
const LIMITS = ["wall_ms", "fuel", "memory_bytes", "table_elements", "instances", "stack_bytes", "output_bytes", "log_bytes", "compile_ms", "compile_memory_bytes"];
const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Splits a signed receipt into `{ receipt, body, signature }`; the signature is not checked yet. */
export function decodeSignedReceipt(bytes) {
  const reader = new Reader(bytes, SIGNED_KIND);
  const body = reader.raw("receipt", reader.u32("receipt"));
  const signature = reader.raw("signature", 64);
  reader.finish();
  return { receipt: decodeReceipt(body), body, signature };
}

/** Checks the signature of a signed receipt. */
export const receiptSignedBy = (signed, publicKey) => ed25519Verify(publicKey, signed.signature, signed.body);

function decodeReceipt(bytes) {
  const reader = new Reader(bytes, KIND);
  const files = (field) => reader.list(field, () => ({ path: reader.text(field), digest: reader.digest(field) }));
  const receipt = {
    task: reader.text("task"),
    run: reader.text("run"),
    project: reader.text("project"),
    module: reader.digest("module"),
    invocation: reader.digest("invocation"),
    input: reader.digest("input"),
    output: reader.digest("output"),
    log: reader.digest("log"),
    input_files: files("input files"),
    output_files: files("output files"),
    outcome: { kind: reader.text("outcome"), detail: reader.text("reason") },
    usage: Object.fromEntries(USAGE.map((field) => [field, reader.u64("usage")])),
    limits: Object.fromEntries(LIMITS.map((field) => [field, reader.u64("limits")])),
    engine: reader.text("engine"),
    profile: reader.text("profile"),
    worker: reader.text("worker"),
    attempt: reader.u32("attempt"),
    started: reader.time("started"),
    ended: reader.time("ended"),
    level: levelOf(reader.u8("level"), reader.u8("level"), reader.u8("level")),
  };
  reader.finish();
  return receipt;
}

function levelOf(number, agreed, nodes) {
  const plain = ["L0 reported", "L1 signed", "L2 re-executed", null, "L4 proved"][number];
  if (number === 3) return `L3 replicated ${agreed} of ${nodes}`;
  if (!plain || agreed !== 0 || nodes !== 0) throw new Error("the field `level` does not hold a value that it can have");
  return plain;
}

/** Where the receipt and the task that the page shows differ; empty when they say the same. */
export async function receiptDifferences(receipt, task) {
  const { result } = task;
  const told = (list) => JSON.stringify(list.map(({ path, digest }) => `${path} ${digest}`).sort());
  // A receipt holds paths and reasons in their escaped form.
  const shown = (list) => told(list.map(({ path, digest }) => ({ path: escapeText(path), digest })));
  const same = {
    task: receipt.task === task.id,
    run: receipt.run === result.run,
    project: receipt.project === task.project,
    module: receipt.module === task.module,
    "arguments or environment": receipt.invocation === (await invocationDigest(task.args, task.env)),
    "standard input": receipt.input === (task.stdin ?? EMPTY),
    "input files": told(receipt.input_files) === shown(task.inputs),
    "standard output": receipt.output === (result.stdout ?? EMPTY),
    "standard error": receipt.log === (result.stderr ?? EMPTY),
    "output files": told(receipt.output_files) === shown(result.outputs),
    outcome: receipt.outcome.kind === result.outcome.kind && receipt.outcome.detail === escapeText(result.outcome.detail),
    usage: USAGE.every((field) => receipt.usage[field] === result.usage[field]),
    limits: LIMITS.every((field) => receipt.limits[field] === task.limits[field]),
    profile: receipt.profile === task.profile,
    attempt: receipt.attempt === task.attempt,
    // What was found later, by running it again, no receipt can say.
    level: receipt.level === (/^L[023] /.test(result.level) ? "L1 signed" : result.level),
  };
  return Object.keys(same).filter((field) => !same[field]);
}

/** The commitment to arguments and environment that stands in a receipt instead of them. */
export async function invocationDigest(args, env) {
  const variables = Object.entries(env).sort(([left], [right]) => (left < right ? -1 : 1));
  const framed = (text) => [u32(utf8(text).length), utf8(text)];
  const bytes = concat(utf8("casemate invocation v1\n"), u32(args.length), ...args.flatMap(framed), u32(variables.length), ...variables.flat().flatMap(framed));
  return `sha256:${toHex(await sha256(bytes))}`;
}

const u32 = (value) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
