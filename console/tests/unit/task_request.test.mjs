import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, localTime, planOf, planTexts, quorumOf, QUORUMS, startOf, textsOf, wordsOf } from "../../ui/task_request.js";

const EMPTY = textsOf(null);
const PLAN = { priority: 7, not_before: "2027-01-01T03:00:00.000Z", key: "nightly", retry: { attempts: 5, wait_ms: 90_500, on: ["exit", "trap"] }, timeout_ms: 7_200_000, labels: ["zone=a", "disk=fast"] };
const NOW = Date.parse("2026-11-22T13:00:00Z");

test("an empty form asks for nothing", () => {
  assert.deepEqual(planOf(EMPTY), {});
});

test("a plan comes back as it was given", () => {
  assert.deepEqual(planOf(textsOf(PLAN, NOW)), PLAN);
  const bare = { priority: 0, not_before: null, key: null, retry: { attempts: 3, wait_ms: 1000, on: [] }, timeout_ms: null, labels: [] };
  assert.deepEqual(planOf(textsOf(bare, NOW)), { priority: 0, retry: { attempts: 3, wait_ms: 1000 } });
});

test("a time that is over is not asked for again", () => {
  assert.equal(textsOf(PLAN, Date.parse("2027-01-01T03:00:00.001Z")).notBefore, "");
});

test("a mistake is told at its field", () => {
  for (const [texts, pointer] of [
    [{ attempts: "21" }, "/plan/retry/attempts"], [{ attempts: "many" }, "/plan/retry/attempts"], [{ wait: "soon" }, "/plan/retry/wait_ms"],
    [{ timeout: "1 y" }, "/plan/timeout_ms"], [{ notBefore: "tomorrow" }, "/plan/not_before"],
  ]) assert.throws(() => planOf({ ...EMPTY, ...texts }), { name: "FieldError", pointer });
  assert.throws(() => planOf({ ...EMPTY, timeout: "x" }, (name) => `/task/plan/${name}`), { pointer: "/task/plan/timeout_ms" });
});

test("local times are what the reader's clock shows", () => {
  assert.equal(new Date(localTime("2026-03-29T00:59:58.000Z")).toISOString(), "2026-03-29T00:59:58.000Z");
});

test("a quorum is more than half of 2 to 7, and only of runs that can be compared", () => {
  assert.deepEqual(QUORUMS.map(([value]) => value), ["2/2", "2/3", "3/3", "3/4", "4/4", "3/5", "4/5", "5/5", "4/6", "5/6", "6/6", "4/7", "5/7", "6/7", "7/7"]);
  assert.equal(quorumOf("", "default"), null);
  assert.deepEqual(quorumOf("2/3", "det-1"), { agree: 2, of: 3 });
  assert.throws(() => quorumOf("2/3", "default"), { name: "FieldError", pointer: "/quorum" });
});

test("a task that is run again reads of other tasks what it read of them", () => {
  const task = {
    module: "sha256:m", stdin: "sha256:s", inputs: [{ path: "own", digest: "sha256:o" }, { path: "got", digest: "sha256:g" }], needs: ["a", "b", "c"],
    awaited: [{ task: "a", file: null, path: null }, { task: "b", file: "x/y", path: "got" }], quorum: { agree: 2, replicas: ["p", "q", "r"] },
  };
  const start = startOf(task);
  assert.deepEqual(start.stdin, { task: "a" });
  assert.deepEqual(start.inputs, [{ path: "own", source: "sha256:o" }, { path: "got", source: { task: "b", file: "x/y" } }]);
  assert.deepEqual([start.after, start.quorum, start.module], [["c"], "2/3", "sha256:m"]);
  const plain = startOf({ ...task, awaited: [], quorum: null, stdin: null });
  assert.deepEqual([plain.stdin, plain.after, plain.quorum, plain.inputs.length], [null, ["a", "b", "c"], "", 2]);
});

test("a plan in words says only what was asked for", () => {
  assert.deepEqual(planTexts({ priority: 0, retry: { on: ["exit", "trap"], wait_ms: 2000 }, labels: ["zone=a"] }), [["Priority", "0"], ["Attempted again after", "another exit code than 0 or a trap"], ["Wait before the second", "2 s"], ["Labels", "zone=a"]]);
  assert.deepEqual(planTexts(undefined), []);
});

test("words and lines", () => {
  assert.deepEqual(wordsOf(" tsk_1,\n tsk_2  tsk_3 "), ["tsk_1", "tsk_2", "tsk_3"]);
  assert.deepEqual(linesOf("a b\r\n\n c\n"), ["a b", " c"]);
});
