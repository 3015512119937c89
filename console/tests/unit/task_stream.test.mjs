import assert from "node:assert/strict";
import { test } from "node:test";
import { followTask } from "../../task_stream.js";

class FakeSource extends EventTarget {
  static CLOSED = 2;
  static made = [];
  readyState = 0;
  constructor(url) {
    super();
    this.url = url;
    FakeSource.made.push(this);
  }
  close() {
    this.readyState = FakeSource.CLOSED;
  }
  tell(kind, data) {
    this.dispatchEvent(Object.assign(new Event(kind), { data }));
  }
}

function follow(more = {}) {
  FakeSource.made = [];
  const page = Object.assign(new EventTarget(), { hidden: false });
  const leave = new AbortController();
  const told = [];
  const on = Object.fromEntries(["state", "log", "progress", "end"].map((kind) => [kind, (data) => told.push([kind, data])]));
  followTask({ url: "/x", on, onState: (state) => told.push(state), stillLive: async () => true, signal: leave.signal, EventSource: FakeSource, page, pauseMsMin: 1, ...more });
  return { told, page, leave, last: () => FakeSource.made.at(-1) };
}
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test("tells what comes, and closes at the end", () => {
  const { told, last } = follow();
  last().tell("open");
  last().tell("log", '{"text":"a"}');
  last().tell("log", "not json");
  last().tell("end", '{"state":"succeeded"}');
  assert.deepEqual(told, ["connecting", "live", ["log", { text: "a" }], "over", ["end", { state: "succeeded" }]]);
  assert.equal(last().readyState, FakeSource.CLOSED);
});

test("leaves a lost connection to the browser, and tries a refused one again itself", async () => {
  const { told, last } = follow();
  last().tell("error");
  await soon();
  assert.equal(FakeSource.made.length, 1);
  last().close();
  last().tell("error");
  await soon();
  assert.equal(FakeSource.made.length, 2);
  last().tell("open");
  assert.deepEqual(told, ["connecting", "offline", "offline", "live"]);
});

test("a refused stream of a task that is over is let be", async () => {
  const { told, last } = follow({ stillLive: async () => false });
  last().close();
  last().tell("error");
  await soon();
  assert.equal(FakeSource.made.length, 1);
  assert.deepEqual(told, ["connecting", "offline", "over"]);
});

test("is closed while nobody looks, and when the reader leaves", async () => {
  const { page, leave, last } = follow();
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(last().readyState, FakeSource.CLOSED);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(FakeSource.made.length, 2);
  leave.abort();
  assert.equal(last().readyState, FakeSource.CLOSED);
  page.dispatchEvent(new Event("visibilitychange"));
  await soon();
  assert.equal(FakeSource.made.length, 2);
});
