import assert from "node:assert/strict";
import { test } from "node:test";
import { busyShare, groupsOf, healthTone, labelKeys, shareText } from "../../ui/node_map.js";

const node = (name, labels) => ({ name, labels });

test("nodes stand with those of their zone, in order, and those without one last", () => {
  const nodes = [node("box-10", ["zone=b"]), node("lone", []), node("box-2", ["disk=fast", "zone=b"]), node("box-1", ["zone=a"]), node("odd", ["zoned=x"])];
  assert.deepEqual(groupsOf(nodes, "zone").map(({ value, nodes: members }) => [value, members.map(({ name }) => name)]), [["a", ["box-1"]], ["b", ["box-2", "box-10"]], [null, ["lone", "odd"]]]);
  assert.deepEqual(groupsOf(nodes, "disk").map(({ value }) => value), ["fast", null]);
  assert.deepEqual(groupsOf([], "zone"), []);
});

test("labels to choose from, the usual one first", () => {
  assert.deepEqual(labelKeys([node("a", ["disk=fast", "zone=a"]), node("b", ["arch=arm", "zone=b"])]), ["zone", "arch", "disk"]);
  assert.deepEqual(labelKeys([node("a", [])]), []);
});

test("the share of its time that a node spent in runs", () => {
  const of = (seconds, run_ms, cores = 2) => ({ created: "2026-11-22T13:00:00Z", seen: new Date(Date.parse("2026-11-22T13:00:00Z") + seconds * 1000).toISOString(), capabilities: { cores }, work: { run_ms } });
  assert.equal(busyShare(of(10, 5000)), 0.25);
  assert.equal(busyShare(of(10, 50_000)), 1, "no more than all");
  assert.equal(busyShare(of(0, 0)), null);
  assert.deepEqual([0, 0.001, 0.25, 1].map(shareText), ["0 %", "under 1 %", "25 %", "100 %"]);
});

test("health has the tones of its bar", () => {
  assert.deepEqual([100, 75, 74, 40, 39, 0].map(healthTone), ["ok", "ok", "warn", "warn", "bad", "bad"]);
});
