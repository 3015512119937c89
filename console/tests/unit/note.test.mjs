import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCheckpoint, parseNote, parseVerifierKey, signedBy } from "../../proof/note.js";

// The example of Go's sumdb/note package, which defined the format.
const KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

test("the published note is signed by the published key", async () => {
  assert.equal(await signedBy(NOTE, await parseVerifierKey(KEY)), true);
});

test("a changed word breaks the signature", async () => {
  await assert.rejects(signedBy(NOTE.replace("answer", "Answer"), await parseVerifierKey(KEY)), /does not fit the text/);
});

test("a signature by somebody else does not count", async () => {
  const key = await parseVerifierKey(KEY);
  assert.equal(await signedBy(NOTE, { ...key, name: "other" }), false);
  assert.equal(await signedBy(NOTE, { ...key, keyId: Uint8Array.of(1, 2, 3, 4) }), false);
});

test("keys whose id does not belong to them, or of another kind, are refused", async () => {
  await assert.rejects(parseVerifierKey(KEY.replace("c74f20a3", "c74f20a4")), /id does not belong/);
  await assert.rejects(parseVerifierKey("PeterNeumann"), /not a verifier key/);
  await assert.rejects(parseVerifierKey("a+00000000+AhpY"), /not an Ed25519/);
});

test("notes that are cut off or misspelt are refused", () => {
  for (const note of ["", "text\n", NOTE.slice(0, -1), NOTE.replace("— ", "- "), NOTE.replace("x08go/", "x08go_")]) {
    assert.throws(() => parseNote(note), Error, note);
  }
});

test("a checkpoint gives origin, size and root", () => {
  const root = Buffer.alloc(32, 7).toString("base64");
  const checkpoint = parseCheckpoint(`example.org/log\n42\n${root}\n`);
  assert.deepEqual([checkpoint.origin, checkpoint.size, checkpoint.root.length], ["example.org/log", 42, 32]);
  for (const text of ["", "a\n", `\n42\n${root}\n`, `a\n042\n${root}\n`, `a\n-1\n${root}\n`, `a\n42\nAAAA\n`, `a\n42\n${root}`]) {
    assert.throws(() => parseCheckpoint(text), Error, text);
  }
});
