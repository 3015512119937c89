// The examples of docs/formats, which the node's own tests make: two implementations, one answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseBundle } from "../../proof/bundle_text.js";
import { fromHex, sha256, toHex } from "../../proof/bytes.js";
import { decodeEntry } from "../../proof/entry.js";
import { foldInclusion, leafHash } from "../../proof/merkle.js";
import { parseCheckpoint, parseNote, parseVerifierKey, signedBy } from "../../proof/note.js";
import { decodeSignedReceipt, invocationDigest, receiptSignedBy } from "../../proof/receipt.js";

const example = (file, language) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(readFileSync(new URL(`../../../docs/formats/${file}`, import.meta.url), "utf8"))[1];
const bytesOf = (block) => fromHex(block.split("\n").map((line) => line.split(";")[0].trim()).join(""));

test("the entry of docs/formats/entry.md", () => {
  const entry = decodeEntry(bytesOf(example("entry.md", "hex")));
  assert.deepEqual([entry.sequence, entry.time, entry.decision, entry.actor, entry.action, entry.resource, entry.outcome], [17, "2026-01-31T12:00:00.123Z", "allowed", "uid:1000", "objects.put", "object:builds/app.wasm", "stored"]);
  assert.match(entry.details.digest, /^sha256:e3b0/);
});

test("the receipt of docs/formats/receipt.md", async () => {
  const body = bytesOf(example("receipt.md", "hex"));
  const length = new Uint8Array(new Uint32Array([body.length]).buffer).reverse();
  const { receipt } = decodeSignedReceipt(Uint8Array.of(...Buffer.from("CMSR\u0001"), ...length, ...body, ...new Uint8Array(64)));
  assert.deepEqual([receipt.task, receipt.outcome, receipt.usage.fuel, receipt.limits.compile_memory_bytes], ["tsk_01kg9ys7kv040g2081040g2081", { kind: "exited", detail: "0" }, 123456, 2 ** 31]);
  assert.equal(receipt.invocation, await invocationDigest(["-v"], { K: "V" }));
});

test("the checkpoint of docs/formats/log.md is signed by its key", async () => {
  const note = example("log.md", "checkpoint");
  const key = await parseVerifierKey(example("log.md", "key").trim());
  assert.equal(await signedBy(note, key), true);
  assert.equal(parseCheckpoint(parseNote(note).text).origin, key.name);
});

test("the bundle of docs/formats/bundle.md holds", async () => {
  const bundle = parseBundle(example("bundle.md", "bundle"));
  const key = await parseVerifierKey(bundle.key);
  const signed = decodeSignedReceipt(bundle.receipt);
  const entry = decodeEntry(bundle.entry);
  assert.equal(await receiptSignedBy(signed, key.publicKey), true);
  assert.equal(entry.details.receipt, `sha256:${toHex(await sha256(bundle.receipt))}`);
  assert.deepEqual([entry.sequence, entry.resource], [bundle.sequence, `task:${signed.receipt.task}`]);
  const leaf = await leafHash(bundle.entry);
  assert.deepEqual(leaf, bundle.leaf);
  const { root } = await foldInclusion({ index: bundle.sequence, size: bundle.size, leaf, hashes: bundle.hashes });
  assert.deepEqual(root, parseCheckpoint(parseNote(bundle.note).text).root);
  assert.equal(await signedBy(bundle.note, key), true);
});
