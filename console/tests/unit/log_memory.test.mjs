import assert from "node:assert/strict";
import { test } from "node:test";
import { forgetLog, rememberLog } from "../../proof/log_memory.js";

function storage() {
  const values = new Map();
  return { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value), removeItem: (key) => values.delete(key) };
}
const log = { origin: "a", verifierKey: "k", size: 5, root: "r5" };
const verdict = (store, change = {}) => rememberLog(store, { ...log, ...change }, "later").verdict;

test("a log that only grows is at ease", () => {
  const store = storage();
  assert.equal(rememberLog(store, log, "2026").verdict, "first");
  assert.equal(verdict(store), "same");
  assert.equal(verdict(store, { size: 9, root: "r9" }), "grown");
  assert.equal(rememberLog(store, { ...log, size: 9, root: "r9" }, "later").since, "2026");
});

test("rollback, fork and a new key are told, and stay told", () => {
  const store = storage();
  rememberLog(store, log, "2026");
  for (const [change, expected] of [[{ size: 4, root: "r4" }, "rolled_back"], [{ root: "x" }, "forked"], [{ verifierKey: "other", size: 9 }, "key_changed"]]) {
    assert.equal(verdict(store, change), expected);
    assert.equal(verdict(store, change), expected);
  }
  forgetLog(store, "a");
  assert.equal(verdict(store, { verifierKey: "other" }), "first");
});

test("a browser without storage starts anew", () => {
  const broken = { getItem() { throw new Error("off"); }, setItem() { throw new Error("off"); }, removeItem() { throw new Error("off"); } };
  assert.equal(verdict(broken), "first");
  forgetLog(broken, "a");
});
