import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf, wordsOf } from "../../ui/delta_graph.js";
import { ruleText } from "../../pages/bucket_settings.js";
import { pointsOf, savedShare, savedText, topOf } from "../../ui/figures.js";

test("what is saved is never more than there is, nor less than nothing", () => {
  for (const [content, stored, share, text] of [[0, 0, null, "–"], [100, 25, 0.75, "75 %"], [100, 120, 0, "0 %"], [1000, 1, 0.999, "99 %"]]) {
    const sample = { content_bytes: content, stored_bytes: stored };
    assert.deepEqual([savedShare(sample), savedText(sample)], [share, text]);
  }
  assert.equal(savedText(null), "–");
});

test("a line runs from edge to edge by time, not by count", () => {
  const points = pointsOf([10, 11, 14], [0, 2, 4], 4);
  assert.deepEqual(points.map(([x]) => Math.round(x)), [76, 269, 846]);
  assert.deepEqual(points.map(([, y]) => y), [194, 103, 12]);
  assert.deepEqual(pointsOf([10], [0], 0), [[76, 194]], "one day, and nothing in it");
});

test("the scale ends at a power of two that everything fits below", () => {
  for (const [value, top] of [[0, 4], [4, 4], [5, 8], [1_000_000, 1_048_576]]) assert.equal(topOf(value), top);
});

const node = (key, base, form = "whole") => ({ key, base, form, size_bytes: 2048, stored_bytes: form === "whole" ? 2048 : 100, versions: 1 });

test("differences follow their base, and one whose base is gone stands alone", () => {
  const nodes = [node("a", 2, "difference"), node("b", null, "difference"), node("c", null), node("d", 2, "difference")];
  assert.deepEqual(rowsOf(nodes).map(({ node: { key }, level, children }) => [key, level, children]), [["b", 0, 0], ["c", 0, 2], ["a", 1, 0], ["d", 1, 0]]);
  assert.equal(wordsOf(nodes[0]), "2 KiB in 100 B, difference");
  assert.equal(wordsOf(nodes[1]), "2 KiB in 100 B, difference to what was here once");
  assert.equal(wordsOf(nodes[2]), "2 KiB, whole");
  assert.equal(wordsOf({ ...nodes[2], stored_bytes: null, versions: 2 }), "2 KiB, whole so far, in 2 versions");
});

test("a rule is said in words", () => {
  const rule = { prefix: "", expire_days: null, older_versions: null, lone_marks: false, abort_uploads_days: null };
  for (const [given, text] of [
    [{ expire_days: 3, prefix: "tmp/" }, "Below tmp/: objects expire after 3 d"],
    [{ older_versions: { days: 0, keep: 5 }, lone_marks: true }, "5 older versions are kept; marks of deletion go when nothing is behind them"],
    [{ older_versions: { days: 9, keep: 2 }, abort_uploads_days: 1 }, "older versions go after 9 d, except the newest 2; uploads are given up after 1 d"],
  ]) assert.equal(ruleText({ ...rule, ...given }), text);
});
