import assert from "node:assert/strict";
import { test } from "node:test";
import { createTail, LINES_MAX, progressText } from "../../ui/log_tail.js";

const encoder = new TextEncoder();

/** A writer that counts offsets, as the node does. */
function writer(tail, attempt = 1) {
  const offsets = { stdout: 0, stderr: 0 };
  return (stream, text) => {
    const piece = { attempt, stream, offset: offsets[stream], bytes: encoder.encode(text).length, text };
    offsets[stream] += piece.bytes;
    return { piece, changed: tail.add(piece) };
  };
}
const shown = (tail) => tail.lines.map(({ stream, text }) => `${stream}: ${text}`);

test("pieces become lines, each stream its own", () => {
  const tail = createTail();
  const write = writer(tail);
  write("stdout", "one\ntw");
  write("stderr", "careful");
  write("stdout", "o\n\nthree");
  write("stderr", "!\r\n");
  assert.deepEqual(shown(tail), ["stdout: one", "stdout: two", "stderr: careful!", "stdout: ", "stdout: three"]);
});

test("only the lines that a piece touched are named", () => {
  const tail = createTail();
  const write = writer(tail);
  write("stdout", "a\nb");
  const { changed } = write("stdout", "c\nd\n");
  assert.deepEqual([...changed].map(({ text }) => text), ["bc", "d"]);
  assert.deepEqual(write("stderr", "").changed.size, 0);
});

test("what was told before is not shown twice, also if it is cut in other places", () => {
  const tail = createTail();
  const write = writer(tail);
  const { piece } = write("stdout", "grün\nblau");
  assert.equal(tail.add(piece).size, 0);
  tail.add({ ...piece, bytes: piece.bytes + 4, text: "grün\nblau\nrot" });
  assert.deepEqual(shown(tail), ["stdout: grün", "stdout: blau", "stdout: rot"]);
  tail.add({ attempt: 1, stream: "stdout", offset: 12, bytes: 3, text: "ot\n" });
  assert.deepEqual(shown(tail).slice(2), ["stdout: rot"]);
});

test("a gap is said, and another attempt begins anew", () => {
  const tail = createTail();
  const write = writer(tail);
  write("stdout", "begin");
  tail.add({ attempt: 1, stream: "stdout", offset: 105, bytes: 4, text: "end\n" });
  writer(tail, 2)("stdout", "again\n");
  assert.deepEqual(shown(tail), ["stdout: begin", "note: 100 bytes of stdout are left out here", "stdout: end", "note: Attempt 2", "stdout: again"]);
  const later = createTail();
  later.add({ attempt: 3, stream: "stderr", offset: 7, bytes: 1, text: "x" });
  assert.deepEqual(shown(later), ["note: Attempt 3", "note: 7 bytes of stderr are left out here", "stderr: x"]);
});

test("a flood keeps its last lines, and a line without an end is cut", () => {
  const tail = createTail();
  const write = writer(tail);
  for (let line = 0; line < LINES_MAX + 50; line += 1) write("stdout", `${line}\n`);
  assert.deepEqual([tail.lines.length, tail.dropped, tail.lines[0].text, tail.lines.at(-1).text], [LINES_MAX, 50, "50", String(LINES_MAX + 49)]);
  const long = createTail(3);
  writer(long)("stdout", "x".repeat(9000));
  assert.deepEqual(long.lines.map(({ text }) => text.length), [2000, 2000, 1000]);
  assert.equal(long.dropped, 2);
});

test("a line that fell off the start is not written to any more", () => {
  const tail = createTail(2);
  const write = writer(tail);
  write("stderr", "half");
  write("stdout", "1\n2\n");
  write("stderr", " a line\n");
  assert.deepEqual(shown(tail), ["stdout: 2", "stderr:  a line"]);
});

test("progress in words", () => {
  for (const [progress, text] of [
    [null, null], [{ done: 4, total: 10, text: "pages" }, "4 of 10: pages"], [{ done: 4, total: 10, text: "" }, "4 of 10"],
    [{ done: 7, total: 0, text: null }, "7"], [{ done: 0, total: null, text: "warming up" }, "warming up"],
  ]) assert.equal(progressText(progress), text);
});
