import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api.js";
import { missingParts, partBytes, sendInParts } from "../../ui/upload_parts.js";

const MIB = 1024 * 1024;

test("parts are as small as is allowed, and never too many", () => {
  assert.equal(partBytes(40 * MIB), 16 * MIB);
  const size = 5 * 1024 * 1024 * MIB;
  assert.ok(size / partBytes(size) <= 10_000);
  assert.equal(partBytes(size) % MIB, 0);
});

test("what is missing is what is not stored in its full size", () => {
  const parts = missingParts(40 * MIB, [{ number: 1, size_bytes: 16 * MIB }, { number: 2, size_bytes: 5 }, { number: 9, size_bytes: 1 }]);
  assert.deepEqual(parts, [{ number: 2, start: 16 * MIB, end: 32 * MIB }, { number: 3, start: 32 * MIB, end: 40 * MIB }]);
  assert.deepEqual(missingParts(1, [{ number: 1, size_bytes: 1 }]), []);
});

/** A node that keeps parts, and loses the connection where `lose(number, tries)` says so. */
function fakeNode({ lose = () => false } = {}) {
  const uploads = new Map();
  const sent = [];
  const tries = new Map();
  const api = {
    beginUpload: async () => {
      uploads.set("upl_1", new Map());
      return { upload: "upl_1" };
    },
    uploadParts: async (upload) => {
      if (!uploads.has(upload)) throw new ApiError({ status: 404 });
      return { items: [...uploads.get(upload)].map(([number, size_bytes]) => ({ number, size_bytes })), next: null };
    },
    putPart: async (upload, number, place, piece, { onProgress }) => {
      tries.set(number, (tries.get(number) ?? 0) + 1);
      if (lose(number, tries.get(number))) throw new ApiError({ detail: "lost" });
      onProgress(piece.size);
      sent.push(number);
      uploads.get(upload).set(number, piece.size);
    },
    completeUpload: async (upload, { size_bytes }) => {
      assert.equal([...uploads.get(upload).values()].reduce((sum, size) => sum + size, 0), size_bytes);
      uploads.delete(upload);
      return { digest: "sha256:x" };
    },
    abortUpload: async (upload) => uploads.delete(upload),
  };
  return { api, uploads, sent };
}

function fakeMemory() {
  const marks = new Map();
  return { recall: (mark) => marks.get(mark) ?? null, remember: (mark, upload) => marks.set(mark, upload), forget: (mark) => marks.delete(mark), marks };
}

const file = { size: 40 * MIB, lastModified: 7, type: "", slice: (start, end) => ({ size: end - start }) };
const send = (node, memory, more = {}) => sendInParts({ api: node.api, bucket: "b", key: "k", file, onProgress: () => {}, memory, wait: async () => {}, ...more });

test("a connection that is lost for a while costs one part again", async () => {
  const node = fakeNode({ lose: (number, tries) => number === 2 && tries < 4 });
  const memory = fakeMemory();
  const progress = [];
  await send(node, memory, { onProgress: (sent) => progress.push(sent / MIB) });
  assert.deepEqual([node.sent, progress.at(-1), memory.marks.size], [[1, 2, 3], 40, 0]);
});

test("the same file goes on where it ended, another one begins anew", async () => {
  const node = fakeNode({ lose: (number, tries) => number === 3 && tries <= 6 });
  const memory = fakeMemory();
  await assert.rejects(send(node, memory), { message: "lost" });
  assert.equal(memory.marks.size, 1);
  await send(node, memory);
  assert.deepEqual(node.sent, [1, 2, 3], "no part was sent twice");
  memory.remember("b/k", { upload: "upl_gone", print: "41943040:7" });
  await send(node, memory);
  assert.deepEqual(node.sent, [1, 2, 3, 1, 2, 3], "an upload that is over is not gone on with");
});

test("what a person cancels is given up on the node too", async () => {
  const node = fakeNode();
  node.api.putPart = async () => { throw new DOMException("cancelled", "AbortError"); };
  const memory = fakeMemory();
  await assert.rejects(send(node, memory), { name: "AbortError" });
  assert.deepEqual([node.uploads.size, memory.marks.size], [0, 0]);
});
