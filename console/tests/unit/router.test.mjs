import assert from "node:assert/strict";
import { test } from "node:test";
import { hashFor, matchRoute, parseHash, safeReturn } from "../../router.js";

const ROUTES = [{ pattern: ["tasks"] }, { pattern: ["tasks", "new"] }, { pattern: ["tasks", ":id"] }, { pattern: ["objects", ":bucket", ":key"] }];

test("a hash becomes a route with parameters", () => {
  assert.deepEqual(matchRoute(ROUTES, "#/tasks?state=failed"), { route: ROUTES[0], params: {}, query: { state: "failed" } });
  assert.equal(matchRoute(ROUTES, "#/tasks/new").route, ROUTES[1]);
  assert.deepEqual(matchRoute(ROUTES, "#/tasks/tsk_1").params, { id: "tsk_1" });
});

test("keys with slashes, dots and odd characters survive the address", () => {
  for (const key of ["a/b/c", "../../etc/passwd", "a?b#c", "größe %41", "a b+c&d=e"]) {
    const hash = hashFor(["objects", "books", key], { x: "1&2" });
    assert.deepEqual(matchRoute(ROUTES, hash), { route: ROUTES[3], params: { bucket: "books", key }, query: { x: "1&2" } });
  }
});

test("empty query values are left out", () => {
  assert.equal(hashFor(["tasks"], { state: "", after: null, limit: 0 }), "#/tasks?limit=0");
});

test("what is no page is told apart", () => {
  assert.equal(matchRoute(ROUTES, "#/nowhere"), null);
  assert.equal(matchRoute(ROUTES, ""), null);
  assert.equal(parseHash("#/tasks/%zz"), null);
});

test("only pages of the console are returned to after signing in", () => {
  assert.equal(safeReturn("#/tasks?state=failed"), "#/tasks?state=failed");
  for (const hash of [undefined, "", "https://example.org/", "//example.org", "#/login?token=x", "javascript:alert(1)"]) {
    assert.equal(safeReturn(hash), "#/overview");
  }
});
