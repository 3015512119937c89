import assert from "node:assert/strict";
import { test } from "node:test";
import { endsText, everyHour, marksOf, partsOf, scaleTop, spanText, totalsOf } from "../../ui/task_hours.js";

const NOW = Date.parse("2026-11-22T13:20:00Z");
const hour = (time, more = {}) => ({ hour: time, succeeded: 0, failed: 0, cancelled: 0, timed_out: 0, dead: 0, runs: 0, queue_ms: 0, run_ms: 0, fuel: 0, ...more });

test("hours without anything are there too, up to the one that is not over", () => {
  const hours = everyHour([hour("2026-11-22T11:00:00Z", { succeeded: 2 }), hour("2026-11-20T11:00:00Z", { succeeded: 9 })], 4, NOW);
  assert.deepEqual(hours.map((one) => [one.hour, one.succeeded]), [["2026-11-22T10:00:00.000Z", 0], ["2026-11-22T11:00:00.000Z", 2], ["2026-11-22T12:00:00.000Z", 0], ["2026-11-22T13:00:00.000Z", 0]]);
  assert.equal(everyHour([], 168, NOW).length, 168);
});

test("sums and means are over what ended", () => {
  const totals = totalsOf([hour("a", { succeeded: 3, runs: 3, queue_ms: 300, run_ms: 8000, fuel: 5 }), hour("b", { failed: 1, runs: 1, queue_ms: 100, fuel: 2 })]);
  assert.deepEqual([totals.ended, totals.wait, totals.run, totals.good, totals.fuel], [4, 100, 2000, 0.75, 7]);
  const none = totalsOf([hour("a")]);
  assert.deepEqual([none.ended, none.wait, none.run, none.good], [0, null, null, null]);
});

test("the parts of a bar stand on each other and fill their share", () => {
  assert.deepEqual(partsOf(hour("a", { succeeded: 2, dead: 1, failed: 1 }), 8), [{ end: "succeeded", from: 0, to: 0.25 }, { end: "failed", from: 0.25, to: 0.375 }, { end: "dead", from: 0.375, to: 0.5 }]);
  assert.deepEqual(partsOf(hour("a"), 4), []);
});

test("an hour in words", () => {
  assert.equal(endsText(hour("a", { succeeded: 1200, timed_out: 1 })), "1\u202f200 succeeded, 1 timed out");
  assert.equal(endsText(hour("a")), "nothing ended");
});

test("a scale has four steps of whole tasks, and little room above", () => {
  for (const [value, top] of [[0, 4], [1, 4], [5, 8], [34, 40], [120, 120], [121, 160], [321, 400], [9999, 12000]]) assert.equal(scaleTop(value), top);
});

test("a span in words", () => {
  assert.deepEqual([1, 6, 24, 48, 168].map(spanText), ["1 hour", "6 hours", "24 hours", "2 days", "7 days"]);
});

test("marks are few and at round hours", () => {
  for (const span of [6, 24, 48, 72, 168]) {
    const marks = marksOf(everyHour([], span, NOW));
    assert.ok(marks.length >= 3 && marks.length <= 9, `${span}: ${marks.length}`);
  }
});
