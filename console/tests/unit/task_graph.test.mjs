import assert from "node:assert/strict";
import { test } from "node:test";
import { DEPTH_MAX, edgesOf, gather, HEIGHT, layout, linksOf, TASKS_MAX, WIDTH } from "../../ui/task_graph.js";

const task = (id, needs = [], more = {}) => ({ id, state: "queued", needs, awaited: [], quorum: null, replica_of: null, ...more });
const reads = (other, file = null) => ({ task: other, file, path: null });
const loader = (tasks, asked = []) => async (id) => {
  asked.push(id);
  return tasks.find((one) => one.id === id) ?? null;
};
const boxes = ({ places }) => [...places].map(([id, { x, y }]) => ({ id, x, y }));

test("a task leads to what it needs, reads, is made of and stands for, each once", () => {
  assert.deepEqual(linksOf(task("a", ["b", "c"], { awaited: [reads("c"), reads("d")], quorum: { agree: 2, replicas: ["e", "f"] }, replica_of: "g" })), ["b", "c", "d", "e", "f", "g"]);
  assert.deepEqual(linksOf(task("a")), []);
});

test("what is needed is read once, and what cannot be read still has its place", async () => {
  const asked = [];
  const all = [task("b", ["d"]), task("c", ["d", "gone"]), task("d")];
  const graph = await gather(task("a", ["b", "c"]), loader(all, asked));
  assert.deepEqual(asked, ["b", "c", "d", "gone"]);
  assert.deepEqual(graph.tasks.map(({ id, state }) => [id, state]), [["a", "queued"], ["b", "queued"], ["c", "queued"], ["d", "queued"], ["gone", null]]);
  assert.equal(graph.truncated, false);
});

test("a graph has an end in breadth and in depth, and says so", async () => {
  const wide = Array.from({ length: 16 }, (_, one) => task(`t${one}`, Array.from({ length: 16 }, (__, two) => `t${one}.${two}`)));
  const graph = await gather(task("a", wide.map(({ id }) => id)), async (id) => wide.find((one) => one.id === id) ?? task(id));
  assert.equal(graph.tasks.length, TASKS_MAX);
  assert.equal(graph.truncated, true);
  const chain = await gather(task("0", ["1"]), async (id) => task(id, [String(Number(id) + 1)]));
  assert.equal(chain.tasks.length, 1 + DEPTH_MAX);
  assert.equal(chain.truncated, true);
  const short = await gather(task("0", ["1"]), async (id) => task(id, Number(id) < DEPTH_MAX ? [String(Number(id) + 1)] : []));
  assert.deepEqual([short.tasks.length, short.truncated], [1 + DEPTH_MAX, false]);
});

test("a failure to read is not taken for a task that is not there", async () => {
  await assert.rejects(gather(task("a", ["b"]), async () => { throw new Error("the node does not answer"); }), /does not answer/);
});

test("an edge goes from what is needed, and says which files are read", () => {
  const tasks = [task("a", ["b", "c"], { awaited: [reads("b"), reads("b", "out.csv"), reads("b")] }), task("b"), task("c"), task("d", ["elsewhere"])];
  assert.deepEqual(edgesOf(tasks), [
    { from: "b", to: "a", kind: "reads", labels: ["stdout", "out.csv"] },
    { from: "c", to: "a", kind: "needs", labels: [] },
  ]);
});

test("replicas lead to the task that they are run for, and a check comes after what it checks", () => {
  const quorum = [task("q", [], { quorum: { agree: 2, replicas: ["r1", "r2"] } }), task("r1", [], { replica_of: "q" }), task("r2", [], { replica_of: "q" })];
  assert.deepEqual(edgesOf(quorum).map(({ from, to, kind }) => [from, to, kind]), [["r1", "q", "replica"], ["r2", "q", "replica"]]);
  assert.deepEqual(edgesOf([task("x"), task("y", [], { replica_of: "x" })]).map(({ from, to, kind }) => [from, to, kind]), [["x", "y", "review"]]);
});

test("what needs others stands right of all of them", () => {
  const tasks = [task("d", ["b", "c", "a"]), task("b", ["a"]), task("c", ["b"]), task("a")];
  const drawn = layout(tasks, edgesOf(tasks));
  const x = (id) => drawn.places.get(id).x;
  assert.deepEqual(["a", "b", "c", "d"].map(x), [...["a", "b", "c", "d"].map(x)].sort((left, right) => left - right));
  assert.equal(new Set(["a", "b", "c", "d"].map(x)).size, 4);
  for (const edge of drawn.edges) assert.ok(edge.points.every(([at], index) => index === 0 || at >= edge.points[index - 1][0]), "an edge never turns back");
  const far = drawn.edges.find((edge) => edge.from === "a" && edge.to === "d");
  assert.equal(far.points.length, 6, "it has a lane past b and past c");
});

test("no box lies on another or outside, whatever the graph", () => {
  const tasks = Array.from({ length: 30 }, (_, index) => task(`t${index}`, [index + 3, index * 2 + 1, index + 7].filter((other) => other < 30).map((other) => `t${other}`)));
  const drawn = layout(tasks, edgesOf(tasks));
  const all = boxes(drawn);
  for (const one of all) {
    assert.ok(one.x >= 0 && one.y >= 0 && one.x + WIDTH <= drawn.width && one.y + HEIGHT <= drawn.height, one.id);
    for (const other of all) assert.ok(one === other || one.x !== other.x || Math.abs(one.y - other.y) >= HEIGHT, `${one.id} and ${other.id}`);
  }
});

test("edges that need not cross do not", () => {
  const tasks = [task("z", ["a", "b"]), task("a", ["c"]), task("b", ["d"]), task("d"), task("c")];
  const { places } = layout(tasks, edgesOf(tasks));
  assert.equal(places.get("a").y < places.get("b").y, places.get("c").y < places.get("d").y);
});

test("a lone task, and a circle that cannot be, are drawn all the same", () => {
  const alone = layout([task("a")], []);
  assert.deepEqual([alone.width, alone.height, boxes(alone)], [WIDTH, HEIGHT, [{ id: "a", x: 0, y: 0 }]]);
  const circle = [task("a", ["b"]), task("b", ["a"])];
  assert.equal(layout(circle, edgesOf(circle)).places.size, 2);
});
