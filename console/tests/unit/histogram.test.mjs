import assert from "node:assert/strict";
import { test } from "node:test";
import { routeText, withinText } from "../../pages/functions.js";
import { boundText, heightsOf } from "../../ui/histogram.js";

test("bars are in proportion, and none that counts anything is invisible", () => {
  assert.deepEqual(heightsOf([0, 50, 100, 1000], 100), [0, 5, 10, 100]);
  assert.deepEqual(heightsOf([1, 1000], 100), [2, 100]);
  assert.deepEqual(heightsOf([0, 0], 100), [0, 0]);
});

test("a share of requests is within the first bound that has so many", () => {
  const latency = [{ up_to_ms: 1, count: 5 }, { up_to_ms: 2, count: 4 }, { up_to_ms: null, count: 1 }];
  assert.deepEqual([0.5, 0.51, 0.9, 0.99].map((share) => withinText(latency, share)), ["≤ 1 ms", "≤ 2 ms", "≤ 2 ms", "over 5 s"]);
  assert.equal(withinText([{ up_to_ms: 1, count: 0 }], 0.5), "–");
});

test("bounds and routes are said in words", () => {
  assert.deepEqual([1, 500, 1000, 5000, null].map(boundText), ["1 ms", "500 ms", "1 s", "5 s", "more"]);
  assert.equal(routeText([{ version: 3, percent: 100 }]), "version 3");
  assert.equal(routeText([{ version: 3, percent: 90 }, { version: 4, percent: 10 }]), "version 3: 90 %, version 4: 10 %");
});
