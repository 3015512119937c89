import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAuditProof } from "../../proof/audit_proof.js";
import { toBase64, toHex } from "../../proof/bytes.js";
import { decodeEntry } from "../../proof/entry.js";
import { leafHash } from "../../proof/merkle.js";
import { entryBytes, inclusionProof, keyOf, noteSigner, rootOf } from "./log_fixture.mjs";

const ORIGIN = "node.example/log";
const signer = noteSigner(ORIGIN, keyOf("11".repeat(32)));
const entryOf = (sequence) => ({ sequence, time: "2026-01-10T12:00:00.123Z", decision: "allowed", request: "req_1", actor: "uid:0", project: "default", action: "objects.put", resource: `object:b/${sequence}`, outcome: "stored", details: { digest: "sha256:00" } });

async function logOf(count) {
  const entries = Array.from({ length: count }, (_, sequence) => entryOf(sequence));
  const leaves = await Promise.all(entries.map((entry) => leafHash(entryBytes(entry))));
  const root = await rootOf(leaves);
  const proofOf = async (sequence) => ({
    sequence, entry: toBase64(entryBytes(entries[sequence])), tree_size: count,
    hashes: (await inclusionProof(sequence, leaves)).map(toHex),
    checkpoint: signer.note(`${ORIGIN}\n${count}\n${toBase64(root)}\n`), public_key: signer.verifierKey,
  });
  return { entries, proofOf };
}

test("a good proof passes every step, told in order", async () => {
  const { entries, proofOf } = await logOf(11);
  const told = [];
  const { ok, steps } = await checkAuditProof(await proofOf(6), entries[6], (step) => told.push(step));
  assert.equal(ok, true);
  assert.deepEqual(told, steps);
  assert.deepEqual(steps.map((step) => step.title), ["Read the entry", "Hash the entry", "Climb the tree to its root", "Compare with the checkpoint", "Check the signature of the checkpoint"]);
});

test("a log of one entry needs no hashes", async () => {
  const { entries, proofOf } = await logOf(1);
  assert.equal((await checkAuditProof(await proofOf(0), entries[0])).ok, true);
});

test("each lie is refused at its step", async () => {
  const { entries, proofOf } = await logOf(11);
  const good = await proofOf(6);
  const other = await proofOf(7);
  const forger = noteSigner(ORIGIN, keyOf("22".repeat(32)));
  const lies = [
    ["Read the entry", { entry: other.entry }],
    ["Climb the tree to its root", { hashes: good.hashes.slice(1) }],
    ["Climb the tree to its root", { tree_size: 4 }],
    ["Compare with the checkpoint", { hashes: [good.hashes[0], good.hashes[0], ...good.hashes.slice(2)] }],
    ["Compare with the checkpoint", { checkpoint: signer.note(`${ORIGIN}\n12\n${good.checkpoint.split("\n")[2]}\n`) }],
    ["Check the signature of the checkpoint", { public_key: forger.verifierKey }],
    ["Check the signature of the checkpoint", { checkpoint: good.checkpoint.replace(/— (\S+) (....)/, "— $1 AAAA") }],
    ["Check the signature of the checkpoint", { checkpoint: noteSigner("other", keyOf("11".repeat(32))).note(good.checkpoint.split("\n\n")[0] + "\n"), public_key: noteSigner("other", keyOf("11".repeat(32))).verifierKey }],
  ];
  for (const [step, lie] of lies) {
    const { ok, steps } = await checkAuditProof({ ...good, ...lie }, entries[6]);
    assert.deepEqual([ok, steps.at(-1).title, steps.at(-1).ok], [false, step, false], JSON.stringify(Object.keys(lie)));
  }
});

test("a page that shows other words than the log is caught", async () => {
  const { entries, proofOf } = await logOf(3);
  for (const change of [{ actor: "uid:1" }, { time: "2026-01-10T12:00:00.124Z" }, { details: {} }, { details: { digest: "sha256:00", more: "x" } }]) {
    const { ok, steps } = await checkAuditProof(await proofOf(1), { ...entries[1], ...change });
    assert.deepEqual([ok, steps.length], [false, 1]);
    assert.match(steps[0].detail, /says something else/);
  }
});

test("an entry is read strictly", () => {
  const bytes = entryBytes(entryOf(3));
  assert.deepEqual(decodeEntry(bytes), { previous: `sha256:${"00".repeat(32)}`, ...entryOf(3) });
  assert.throws(() => decodeEntry(bytes.slice(0, -1)), /end within/);
  assert.throws(() => decodeEntry(Uint8Array.of(...bytes, 0)), /1 bytes follow/);
  assert.throws(() => decodeEntry(bytes.with(4, 2)), /not a log entry of version 1/);
  assert.throws(() => decodeEntry(bytes.with(53, 2)), /decision/);
  assert.throws(() => decodeEntry(entryBytes({ ...entryOf(3), outcome: "a\u001b[2J" })), /control characters/);
});
