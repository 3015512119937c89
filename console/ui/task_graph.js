// What a task needs, and what those need in turn: which tasks there are, how they hang together, and where each stands
// in a drawing. Pure: whoever asks hands in how a task is read.

/** Most tasks of a graph, and how many steps away from the first one they are looked for. */
export const TASKS_MAX = 50;
export const DEPTH_MAX = 6;
const AT_ONCE = 4;

/** The tasks that a task leads to, each once: those that it needs or reads, its replicas, and what it is a replica of. */
export function linksOf(task) {
  const linked = [...task.needs, ...task.awaited.map((one) => one.task), ...(task.quorum?.replicas ?? []), task.replica_of];
  return [...new Set(linked)].filter((id) => id && id !== task.id);
}

/**
 * Reads what a task leads to, step by step. `load(id)` answers a task, or null for one that cannot be read, which stands
 * in the graph without a state. `truncated` says that there is more.
 */
export async function gather(first, load) {
  const found = new Map([[first.id, first]]);
  let edge = [first];
  let truncated = false;
  for (let depth = 0; edge.length > 0 && !truncated; depth += 1) {
    const wanted = [...new Set(edge.flatMap(linksOf))].filter((id) => !found.has(id));
    const taken = depth < DEPTH_MAX ? wanted.slice(0, TASKS_MAX - found.size) : [];
    edge = await loadAll(taken, load);
    for (const task of edge) found.set(task.id, task);
    truncated = taken.length < wanted.length;
  }
  return { tasks: [...found.values()], truncated };
}

/** A few at a time: the browser has six connections to the node, and the page needs some of them. */
async function loadAll(ids, load) {
  const tasks = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const few = ids.slice(at, at + AT_ONCE);
    const read = await Promise.all(few.map(load));
    tasks.push(...read.map((task, index) => task ?? unread(few[index])));
  }
  return tasks;
}

const unread = (id) => ({ id, state: null, needs: [], awaited: [], quorum: null, replica_of: null });

/** The edges between tasks, from what is needed to what needs it: `{ from, to, labels, kind }`, one for each pair. */
export function edgesOf(tasks) {
  const known = new Map(tasks.map((task) => [task.id, task]));
  const edges = new Map();
  const add = (from, to, kind, label) => {
    if (!known.has(from) || from === to) return;
    const edge = edges.get(`${from} ${to}`) ?? { from, to, kind, labels: [] };
    if (label && !edge.labels.includes(label)) edge.labels.push(label);
    edges.set(`${from} ${to}`, edge);
  };
  for (const task of tasks) {
    for (const { task: from, file } of task.awaited) add(from, task.id, "reads", file ?? "stdout");
    for (const from of task.needs) add(from, task.id, "needs", null);
    for (const from of task.quorum?.replicas ?? []) add(from, task.id, "replica", "replica");
    // What is run again to be checked has no quorum that names the other.
    if (task.replica_of && !known.get(task.replica_of)?.quorum?.replicas.includes(task.id)) add(task.replica_of, task.id, "review", "run again");
  }
  return [...edges.values()];
}

/**
 * Where everything stands: `{ width, height, places: Map of id to { x, y }, edges: with points and middle }`. Columns go
 * from what is needed on the left to what needs it on the right; edges over several columns have a lane in each.
 */
export function layout(tasks, edges) {
  const columns = columnsOf(tasks, edges);
  const lanes = edges.map((edge) => lanesOf(edge, columns));
  const rows = Array.from({ length: Math.max(0, ...columns.values()) + 1 }, () => []);
  for (const task of tasks) rows[columns.get(task.id)].push({ key: task.id, height: HEIGHT, near: [] });
  for (const lane of lanes.flat()) rows[lane.column].push({ key: lane.key, height: LANE, near: [] });
  const items = new Map(rows.flat().map((item) => [item.key, item]));
  for (const [index, edge] of edges.entries()) join([edge.from, ...lanes[index].map((lane) => lane.key), edge.to].map((key) => items.get(key)));
  order(rows);
  const height = place(rows);
  const places = new Map(tasks.map(({ id }) => [id, { x: items.get(id).x, y: items.get(id).y }]));
  const drawn = edges.map((edge, index) => ({ ...edge, ...route(edge, lanes[index], items) }));
  return { width: rows.length * (WIDTH + GAP) - GAP, height, places, edges: drawn };
}

/** The column of each task: as far left of the last one as the longest way to it is long. A circle, which cannot be, ends. */
function columnsOf(tasks, edges) {
  const after = new Map(tasks.map((task) => [task.id, edges.filter((edge) => edge.from === task.id).map((edge) => edge.to)]));
  const ranks = new Map();
  const open = new Set();
  const rank = (id) => {
    if (ranks.has(id)) return ranks.get(id);
    if (open.has(id)) return 0;
    open.add(id);
    const value = Math.max(-1, ...after.get(id).map(rank)) + 1;
    open.delete(id);
    ranks.set(id, value);
    return value;
  };
  const last = Math.max(0, ...tasks.map((task) => rank(task.id)));
  return new Map(tasks.map((task) => [task.id, last - ranks.get(task.id)]));
}

function lanesOf({ from, to }, columns) {
  const lanes = [];
  for (let column = columns.get(from) + 1; column < columns.get(to); column += 1) lanes.push({ key: `${from} ${to} ${column}`, column });
  return lanes;
}

function join(chain) {
  for (let at = 1; at < chain.length; at += 1) {
    chain[at - 1].near.push(chain[at]);
    chain[at].near.push(chain[at - 1]);
  }
}

/** Puts each thing of a column near what it hangs on, there and back, so that few edges cross. */
function order(rows) {
  const number = (row) => row.forEach((item, index) => { item.at = index - (row.length - 1) / 2; });
  const settle = (row) => {
    for (const item of row) item.wish = item.near.length === 0 ? item.at : item.near.reduce((sum, one) => sum + one.at, 0) / item.near.length;
    row.sort((left, right) => left.wish - right.wish || left.at - right.at);
    number(row);
  };
  rows.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    rows.forEach(settle);
    [...rows].reverse().forEach(settle);
  }
}

/** Gives everything its corner; columns stand in the middle of the highest one. Answers the height of all. */
function place(rows) {
  const heights = rows.map((row) => row.reduce((sum, item) => sum + item.height + SPACE, -SPACE));
  const most = Math.max(...heights);
  for (const [column, row] of rows.entries()) {
    let y = (most - heights[column]) / 2;
    for (const item of row) {
      Object.assign(item, { x: column * (WIDTH + GAP), y });
      y += item.height + SPACE;
    }
  }
  return most;
}

/** The points of an edge, from the right side of one box to the left side of the other, and the middle of its first part. */
function route(edge, lanes, items) {
  const [from, to] = [items.get(edge.from), items.get(edge.to)];
  const between = lanes.flatMap(({ key }) => {
    const { x, y } = items.get(key);
    return [[x, y + LANE / 2], [x + WIDTH, y + LANE / 2]];
  });
  const points = [[from.x + WIDTH, from.y + HEIGHT / 2], ...between, [to.x, to.y + HEIGHT / 2]];
  return { points, middle: [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2] };
}

/** The size of a task's box. */
export const [WIDTH, HEIGHT] = [170, 50];
const [GAP, SPACE, LANE, SWEEPS] = [92, 18, 16, 4];
