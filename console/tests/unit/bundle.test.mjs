import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { checkBundle } from "../../proof/bundle.js";
import { parseBundle } from "../../proof/bundle_text.js";
import { toBase64 } from "../../proof/bytes.js";
import { leafHash } from "../../proof/merkle.js";
import { decodeSignedReceipt, invocationDigest } from "../../proof/receipt.js";
import { bundleText, entryBytes, inclusionProof, keyOf, noteSigner, rootOf, signedReceiptBytes } from "./log_fixture.mjs";

const ORIGIN = "casemate/0f1e2d3c4b5a6978";
const KEY = keyOf("11".repeat(32));
const SIGNER = noteSigner(ORIGIN, KEY);
const digestOf = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const EMPTY = digestOf("");

const USAGE = { wall_ms: 412, queue_ms: 3, compile_ms: 180, fuel: 812_345_678, memory_bytes_peak: 9_502_720, table_elements_peak: 204, output_bytes: 130, log_bytes: 0 };
const LIMITS = { wall_ms: 30_000, fuel: 20_000_000_000, memory_bytes: 268_435_456, table_elements: 100_000, instances: 16, stack_bytes: 1_048_576, output_bytes: 16_777_216, log_bytes: 1_048_576, compile_ms: 30_000, compile_memory_bytes: 2_147_483_648 };
const TASK = {
  id: "tsk_1", project: "default", module: digestOf("module"), args: ["-w", "größe"], env: { LANG: "C", A: "" }, stdin: null, inputs: [{ path: "book.txt", digest: digestOf("book") }],
  profile: "default", limits: LIMITS, attempt: 1,
  result: { run: "run_1", outcome: { kind: "exited", detail: "0" }, usage: USAGE, stdout: digestOf("out"), stderr: null, outputs: [{ path: "a.csv", digest: digestOf("a"), size_bytes: 1 }, { path: "odd\u001b", digest: digestOf("b"), size_bytes: 1 }], level: "L1 signed", entry: 5 },
};

const receiptOf = async () => ({
  task: "tsk_1", run: "run_1", project: "default", module: TASK.module, invocation: await invocationDigest(TASK.args, TASK.env), input: EMPTY, output: digestOf("out"), log: EMPTY,
  input_files: TASK.inputs, output_files: [{ path: "a.csv", digest: digestOf("a") }, { path: "odd\\u{1b}", digest: digestOf("b") }], outcome: TASK.result.outcome, usage: USAGE, limits: LIMITS,
  engine: "wasmtime 48", profile: "default", worker: "wrk_1", attempt: 1, started: "2026-01-10T12:00:00.000Z", ended: "2026-01-10T12:00:00.412Z", level: [1, 0, 0],
});

/** The parts of a good bundle for entry 5 of 11; `change` bends the receipt before it is signed and logged. */
async function partsOf({ change = {}, key = KEY, named = null, logged = {}, signer = null } = {}) {
  const receipt = signedReceiptBytes({ ...(await receiptOf()), ...change }, key);
  const bytes = Array.from({ length: 11 }, (_, sequence) => entryBytes({
    sequence, time: "2026-01-10T12:00:01.000Z", decision: "allowed", request: "req_1", actor: "node", project: "default", action: "tasks.finish", resource: "task:tsk_1", outcome: "succeeded",
    details: sequence === 5 ? { receipt: named ?? digestOf(receipt), ...(signer && { signer }) } : {},
    ...logged,
  }));
  const leaves = await Promise.all(bytes.map(leafHash));
  const note = SIGNER.note(`${ORIGIN}\n11\n${toBase64(await rootOf(leaves))}\n`);
  return { key: SIGNER.verifierKey, signer, receipt, entry: bytes[5], leaf: leaves[5], sequence: 5, hashes: await inclusionProof(5, leaves), note };
}
const check = (parts, task = TASK) => checkBundle(bundleText(parts), { verifierKey: SIGNER.verifierKey, task });

test("a good bundle passes every step", async () => {
  const { ok, steps } = await check(await partsOf());
  assert.deepEqual(steps.filter((step) => !step.ok), []);
  assert.equal(ok, true);
  assert.deepEqual(steps.map((step) => step.title), [
    "Read the bundle", "Check the signature of the receipt", "Compare the receipt with this page", "Find the receipt in its log entry",
    "Hash the entry", "Climb the tree to its root", "Compare with the checkpoint", "Check the signature of the checkpoint",
  ]);
});

test("a node that has joined signs its receipts, and the log says whose key that is", async () => {
  const key = keyOf("33".repeat(32));
  const node = noteSigner("casemate/3333", key).verifierKey;
  const parts = await partsOf({ key, signer: node });
  assert.equal((await check(parts)).ok, true);
  const other = noteSigner("casemate/4444", keyOf("44".repeat(32))).verifierKey;
  for (const [step, forged] of [
    ["Check the signature of the receipt", { ...parts, signer: null }],
    ["Check the signature of the receipt", { ...parts, signer: other }],
    ["Find the receipt in its log entry", await partsOf({ key, signer: node, logged: { details: { receipt: digestOf(parts.receipt), signer: other } } })],
    ["Find the receipt in its log entry", { ...(await partsOf({ key })), signer: node }],
  ]) {
    const { ok, steps } = await check(forged);
    assert.deepEqual([ok, steps.at(-1).title], [false, step], steps.at(-1).detail);
  }
});

test("each lie is refused at its step", async () => {
  const good = await partsOf();
  const stranger = noteSigner("casemate/ffff", keyOf("22".repeat(32)));
  const lies = [
    ["Read the bundle", { ...good, key: stranger.verifierKey }],
    ["Read the bundle", { ...good, leaf: good.hashes[0] }],
    ["Check the signature of the receipt", await partsOf({ key: keyOf("22".repeat(32)) })],
    ["Compare the receipt with this page", await partsOf({ change: { attempt: 2 } })],
    ["Find the receipt in its log entry", await partsOf({ named: EMPTY })],
    ["Find the receipt in its log entry", { ...good, sequence: 6 }],
    ["Find the receipt in its log entry", await partsOf({ logged: { decision: "denied" } })],
    ["Find the receipt in its log entry", await partsOf({ logged: { resource: "task:tsk_2" } })],
    ["Find the receipt in its log entry", await partsOf({ logged: { project: "other" } })],
    ["Climb the tree to its root", { ...good, hashes: good.hashes.slice(1) }],
    ["Compare with the checkpoint", { ...good, hashes: [good.hashes[1], ...good.hashes.slice(1)] }],
    ["Check the signature of the checkpoint", { ...good, note: stranger.note(`${good.note.split("\n\n")[0]}\n`) }],
  ];
  for (const [step, parts] of lies) {
    const { ok, steps } = await check(parts);
    assert.deepEqual([ok, steps.at(-1).title, steps.at(-1).ok], [false, step, false], steps.at(-1).detail);
  }
});

test("whatever the page shows otherwise is named", async () => {
  const parts = await partsOf();
  const { result } = TASK;
  const changes = [
    ["module", { module: EMPTY }], ["arguments or environment", { args: [] }], ["arguments or environment", { env: { LANG: "C" } }], ["standard input", { stdin: digestOf("x") }],
    ["input files", { inputs: [] }], ["limits", { limits: { ...LIMITS, fuel: 1 } }], ["profile", { profile: "det-1" }],
    ["standard output", { result: { ...result, stdout: null } }], ["output files", { result: { ...result, outputs: result.outputs.slice(1) } }],
    ["outcome", { result: { ...result, outcome: { kind: "exited", detail: "1" } } }], ["usage", { result: { ...result, usage: { ...USAGE, wall_ms: 1 } } }],
    ["level", { result: { ...result, level: "L4 proved" } }],
  ];
  for (const [field, change] of changes) {
    const { steps } = await check(parts, { ...TASK, ...change });
    assert.equal(steps.at(-1).detail, `the receipt says something else than this page: ${field}`);
  }
});

test("no character of a bundle can be changed", async () => {
  const text = bundleText(await partsOf());
  for (let at = 0; at < text.length; at += 7) {
    const other = text[at] === "A" ? "B" : "A";
    const { ok } = await checkBundle(text.slice(0, at) + other + text.slice(at + 1), { verifierKey: SIGNER.verifierKey, task: TASK });
    assert.equal(ok, false, `character ${at}: ${JSON.stringify(text.slice(at - 5, at + 5))}`);
  }
});

test("other spellings are refused", async () => {
  const text = bundleText(await partsOf());
  for (const other of ["", text.slice(0, 40), text.replace("index 5", "index 05"), text.replace("index 5", "index +5"), `${text}\n`, text.replaceAll("\n", "\r\n"), text.replace("leaf ", "leaf  ")]) {
    assert.throws(() => parseBundle(other), Error, other.slice(0, 60));
  }
});

test("receipts are read strictly, and each level has its words", async () => {
  const receipt = await receiptOf();
  const levelOf = (level) => decodeSignedReceipt(signedReceiptBytes({ ...receipt, level }, KEY)).receipt.level;
  assert.deepEqual([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 2, 3], [4, 0, 0]].map(levelOf), ["L0 reported", "L1 signed", "L2 re-executed", "L3 replicated 2 of 3", "L4 proved"]);
  for (const level of [[5, 0, 0], [1, 1, 0]]) assert.throws(() => levelOf(level), /level/);
  const bytes = signedReceiptBytes(receipt, KEY);
  assert.throws(() => decodeSignedReceipt(bytes.slice(0, -1)), /end within/);
  assert.throws(() => decodeSignedReceipt(Uint8Array.of(...bytes, 0)), /1 bytes follow/);
});

test("the commitment to arguments and environment frames each text", async () => {
  const digest = async (...parts) => digestOf(Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([0, 0, 0, part]) : Buffer.from(part)))));
  assert.equal(await invocationDigest(["ab", ""], { B: "2", A: "1" }), await digest("casemate invocation v1\n", 2, 2, "ab", 0, "", 2, 1, "A", 1, "1", 1, "B", 1, "2"));
  assert.notEqual(await invocationDigest(["a", "b"], {}), await invocationDigest(["ab"], {}));
});
