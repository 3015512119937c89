import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi, objectPath } from "../../api.js";

/** A fetch that records what it was asked and answers from a list. */
function fakeFetch(...answers) {
  const asked = [];
  const fetch = async (url, init) => {
    asked.push({ url, ...init });
    return answers.shift();
  };
  return { fetch, asked };
}
const answer = (status, body, type = "application/json") => new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { "content-type": type, "x-request-id": "req_1" } });

test("keys that a URL would swallow have their slashes escaped", () => {
  const rows = [["a/b.txt", "/objects/x/a/b.txt"], ["../etc", "/objects/x/..%2Fetc"], ["a//b", "/objects/x/a%2F%2Fb"], ["/a", "/objects/x/%2Fa"], ["ä ?#%", "/objects/x/%C3%A4%20%3F%23%25"]];
  for (const [key, path] of rows) {
    assert.equal(objectPath("x", key), path);
    assert.equal(new URL(`http://node${path}`).pathname, path, "the URL parser leaves it alone");
  }
});

test("changes carry the anti-forgery header, reads do not", async () => {
  const { fetch, asked } = fakeFetch(answer(200, { items: [], next: null }), answer(204));
  const api = createApi({ fetch });
  await api.names({ prefix: "a b", after: undefined });
  await api.releaseName("a.b");
  assert.equal(asked[0].url, "/api/v1/names?prefix=a+b");
  assert.equal(asked[0].headers["x-casemate-csrf"], undefined);
  assert.deepEqual([asked[1].method, asked[1].url, asked[1].headers["x-casemate-csrf"]], ["DELETE", "/api/v1/names/a.b", "1"]);
});

test("a problem keeps its code, hint, pointer and request", async () => {
  const problem = { type: "about:blank", title: "Taken", status: 409, code: "name_taken", detail: "the name is taken", hint: "Choose another.", pointer: "/name", request: "req_9" };
  const { fetch } = fakeFetch(answer(409, problem, "application/problem+json"));
  await assert.rejects(createApi({ fetch }).claimName({ name: "a", digest: "b" }), { name: "ApiError", status: 409, code: "name_taken", message: "the name is taken", hint: "Choose another.", pointer: "/name", request: "req_9" });
});

test("an answer that is no problem document still says its status and request", async () => {
  const { fetch } = fakeFetch(new Response("<h1>Bad gateway</h1>", { status: 502, headers: { "x-request-id": "req_2" } }));
  await assert.rejects(createApi({ fetch }).overview(), { status: 502, code: "http_502", request: "req_2" });
});

test("a node that does not answer is told as such", async () => {
  const fetch = async () => { throw new TypeError("Failed to fetch"); };
  await assert.rejects(createApi({ fetch }).overview(), { code: "network", message: "The node does not answer." });
});

test("an ended session is reported, a failed sign-in is not", async () => {
  let ended = 0;
  const { fetch } = fakeFetch(answer(401, {}), answer(401, {}), answer(401, {}));
  const api = createApi({ fetch, onSignedOut: () => { ended += 1; } });
  await assert.rejects(api.signIn({ api_key: "x" }), { status: 401 });
  await assert.rejects(api.whoami(), { status: 401 });
  assert.equal(ended, 0);
  await assert.rejects(api.overview(), { status: 401 });
  assert.equal(ended, 1);
});

test("a proof that is not ready yet is asked for again", async () => {
  const pending = answer(503, { code: "proof_pending", detail: "the proof is not ready yet" }, "application/problem+json");
  const { fetch, asked } = fakeFetch(pending, new Response("casemate bundle v1\n"));
  assert.equal(await createApi({ fetch }).receipt("tsk_1"), "casemate bundle v1\n");
  assert.equal(asked.length, 2);
});

test("a failing node's health is still shown", async () => {
  const health = { status: "failing", version: "0", checks: [{ name: "state", status: "failing", detail: "disk full" }] };
  const { fetch } = fakeFetch(answer(503, health));
  assert.deepEqual(await createApi({ fetch }).health(), health);
});
