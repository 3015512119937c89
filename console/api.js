// The one place that knows the HTTP API. Every call answers parsed JSON (or text, or bytes) or throws ApiError.

const BASE = "/api/v1";

/** What the API (or the way to it) answered instead of the thing asked for. */
export class ApiError extends Error {
  constructor({ status = 0, code = "network", title = "", detail = "", hint = "", pointer = "", request = "" }) {
    super(detail || title || code);
    Object.assign(this, { name: "ApiError", status, code, title, detail, hint, pointer, request });
  }
}

/** The path of an object. Keys whose segments a URL would swallow (empty, `.`, `..`) have their slashes escaped. */
export function objectPath(bucket, key, base = "/objects") {
  const segments = key.split("/");
  const swallowed = segments.some((part) => part === "" || part === "." || part === "..");
  const encoded = swallowed ? encodeURIComponent(key) : segments.map((part) => encodeURIComponent(part)).join("/");
  return `${base}/${encodeURIComponent(bucket)}/${encoded}`;
}

/** An address a link may point at. */
export const href = (path) => BASE + path;

/** Makes the client. `onSignedOut` is called once for each answer that says the session is over. */
export function createApi({ onSignedOut = () => {}, fetch = globalThis.fetch.bind(globalThis) } = {}) {
  async function call(method, path, { body, query, headers = {}, signal, expectSession = true } = {}) {
    const mutates = method !== "GET";
    const init = { method, signal, credentials: "same-origin", cache: "no-store", headers: { accept: "application/json, */*;q=0.5", ...headers } };
    if (mutates) init.headers["x-casemate-csrf"] = "1";
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers["content-type"] = "application/json";
    }
    let response;
    try {
      response = await fetch(BASE + path + queryText(query), init);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError({ detail: "The node does not answer.", hint: "Is `casemate serve` still running?" });
    }
    if (!response.ok) {
      const problem = await problemOf(response);
      if (problem.status === 401 && expectSession) onSignedOut();
      throw problem;
    }
    return response;
  }
  const json = async (...parameters) => {
    const response = await call(...parameters);
    return response.status === 204 ? null : response.json();
  };
  const text = async (...parameters) => (await call(...parameters)).text();
  const list = (path, query, signal) => json("GET", path, { query, signal });

  return {
    // session
    signIn: (credential) => json("POST", "/session", { body: credential, expectSession: false }),
    whoami: () => json("GET", "/session", { expectSession: false }),
    signOut: () => json("DELETE", "/session"),
    register: (user) => json("POST", "/auth/register", { body: user, expectSession: false }),
    changePassword: (change) => json("PUT", "/password", { body: change, expectSession: false }),
    factors: (signal) => json("GET", "/factors", { signal }),
    beginApp: (body) => json("POST", "/factors/app", { body, expectSession: false }),
    confirmApp: (body) => json("POST", "/factors/app/confirm", { body, expectSession: false }),
    removeApp: (body) => json("POST", "/factors/app/remove", { body, expectSession: false }),
    passkeySignInOptions: () => json("POST", "/auth/passkey-options", { expectSession: false }),
    passkeyOptions: (body) => json("POST", "/passkeys/options", { body, expectSession: false }),
    addPasskey: (body) => json("POST", "/passkeys", { body }),
    renamePasskey: (id, body) => json("PATCH", `/passkeys/${encodeURIComponent(id)}`, { body }),
    removePasskey: (id, body) => json("POST", `/passkeys/${encodeURIComponent(id)}/remove`, { body, expectSession: false }),
    resetFactors: (name) => json("POST", `/users/${encodeURIComponent(name)}/reset-factors`),
    sessions: (query, signal) => list("/sessions", query, signal),
    endSession: (id) => json("DELETE", `/sessions/${encodeURIComponent(id)}`),
    // users
    members: (query, signal) => list("/members", query, signal),
    setMember: (name, role) => json("PUT", `/members/${encodeURIComponent(name)}`, { body: { role } }),
    removeMember: (name) => json("DELETE", `/members/${encodeURIComponent(name)}`),
    blockUser: (name, block) => json("POST", `/users/${encodeURIComponent(name)}/${block ? "block" : "unblock"}`),
    invitations: (query, signal) => list("/invitations", query, signal),
    invite: (role) => json("POST", "/invitations", { body: { role } }),
    withdrawInvitation: (id) => json("DELETE", `/invitations/${encodeURIComponent(id)}`),
    roles: (signal) => json("GET", "/roles", { signal }),
    putRole: (role, scopes) => json("PUT", `/roles/${encodeURIComponent(role)}`, { body: { scopes } }),
    removeRole: (role) => json("DELETE", `/roles/${encodeURIComponent(role)}`),
    loginLink: () => json("POST", "/login-links"),
    // node
    health: (signal) => healthOf(call, signal),
    overview: (signal) => json("GET", "/overview", { signal }),
    // objects
    buckets: (query, signal) => list("/buckets", query, signal),
    objects: (bucket, query, signal) => list(bucketPath(bucket, "/objects"), query, signal),
    bucket: (bucket, signal) => json("GET", bucketPath(bucket), { signal }),
    createBucket: (bucket) => json("POST", "/buckets", { body: bucket }),
    configureBucket: (bucket, change) => json("PATCH", bucketPath(bucket), { body: change }),
    deleteBucket: (bucket) => json("DELETE", bucketPath(bucket)),
    samples: (bucket, query, signal) => list(bucketPath(bucket, "/samples"), query, signal),
    usage: (signal) => json("GET", "/usage", { signal }),
    projectSamples: (query, signal) => list("/bucket-samples", query, signal),
    folder: (bucket, query, signal) => list(bucketPath(bucket, "/folder"), query, signal),
    versions: (bucket, query, signal) => list(bucketPath(bucket, "/versions"), query, signal),
    graph: (bucket, prefix, signal) => list(bucketPath(bucket, "/graph"), { prefix }, signal),
    object: (bucket, key, version, signal) => json("GET", objectPath(bucket, key, "/object-info"), { query: { version }, signal }),
    deleteObject: (bucket, key, version) => json("DELETE", objectPath(bucket, key), { query: { version } }),
    restoreObject: (bucket, key, version) => json("POST", objectPath(bucket, key, "/object-restore"), { query: { version } }),
    verifyObject: (bucket, key, version) => json("POST", objectPath(bucket, key, "/object-verify"), { query: { version } }),
    putObject: (bucket, key, file, options) => sendFile(objectPath(bucket, key), file, { onSignedOut, ...options }),
    beginUpload: (upload) => json("POST", "/uploads", { body: upload }),
    uploadParts: (upload, place, signal) => list(`/uploads/${upload}/parts`, place, signal),
    putPart: (upload, number, place, piece, options) => sendFile(`/uploads/${upload}/parts/${number}${queryText(place)}`, piece, { onSignedOut, ...options }),
    completeUpload: (upload, body) => json("POST", `/uploads/${upload}/complete`, { body }),
    abortUpload: (upload, place) => json("DELETE", `/uploads/${upload}`, { query: place }),
    share: (share) => json("POST", "/shares", { body: share }),
    // names
    names: (query, signal) => list("/names", query, signal),
    name: (name, signal) => json("GET", namePath(name), { signal }),
    nameHistory: (name, query, signal) => list(namePath(name, "/history"), query, signal),
    claimName: (claim) => json("POST", "/names", { body: claim }),
    commitName: (commitment) => json("POST", "/name-commitments", { body: { commitment } }),
    updateName: (name, update, sequence) => json("PUT", namePath(name), { body: update, headers: { "if-match": `"${sequence}"` } }),
    renewName: (name) => json("POST", namePath(name, "/renew")),
    offerName: (name, to) => json("POST", namePath(name, "/offer"), { body: { to } }),
    withdrawName: (name) => json("DELETE", namePath(name, "/offer")),
    acceptName: (name, accept) => json("POST", namePath(name, "/accept"), { body: accept }),
    declineName: (name) => json("POST", namePath(name, "/decline")),
    stopName: (name, how, reason) => json("POST", namePath(name, `/${how}`), { body: reason ? { reason } : {} }),
    nameProof: (name, version, signal) => text("GET", namePath(name, "/proof"), { query: { version }, signal }),
    releaseName: (name) => json("DELETE", namePath(name)),
    // tasks
    tasks: (query, signal) => list("/tasks", query, signal),
    task: (id, signal) => json("GET", taskPath(id), { signal }),
    taskStatistics: (hours, signal) => json("GET", "/tasks/statistics", { query: { hours }, signal }),
    submitTask: (task) => json("POST", "/tasks", { body: task }),
    cancelTask: (id) => json("POST", taskPath(id, "/cancel")),
    taskStream: (id, stream, signal) => call("GET", taskPath(id, `/${stream}`), { signal }),
    receipt: (id, signal) => whenProved(() => text("GET", taskPath(id, "/receipt"), { signal })),
    // schedules
    schedules: (query, signal) => list("/schedules", query, signal),
    schedule: (id, signal) => json("GET", schedulePath(id), { signal }),
    createSchedule: (schedule) => json("POST", "/schedules", { body: schedule }),
    deleteSchedule: (id) => json("DELETE", schedulePath(id)),
    pauseSchedule: (id) => json("POST", schedulePath(id, "/pause")),
    resumeSchedule: (id) => json("POST", schedulePath(id, "/resume")),
    // keys
    keys: (query, signal) => list("/keys", query, signal),
    createKey: (key) => json("POST", "/keys", { body: key }),
    rotateKey: (id, seconds) => json("POST", `/keys/${encodeURIComponent(id)}/rotate`, { body: { overlap_seconds: seconds } }),
    revokeKey: (id) => json("DELETE", `/keys/${encodeURIComponent(id)}`),
    // functions
    functions: (query, signal) => list("/functions", query, signal),
    function: (name, signal) => json("GET", functionPath(name), { signal }),
    functionVersions: (name, query, signal) => list(functionPath(name, "/versions"), query, signal),
    functionLog: (name, query, signal) => list(functionPath(name, "/log"), query, signal),
    routeFunction: (name, route) => json("PUT", functionPath(name, "/route"), { body: { route } }),
    removeFunction: (name) => json("DELETE", functionPath(name)),
    // nodes
    nodes: (query, signal) => list("/nodes", query, signal),
    node: (id, signal) => json("GET", nodePath(id), { signal }),
    drainNode: (id) => json("POST", nodePath(id, "/drain")),
    resumeNode: (id) => json("POST", nodePath(id, "/resume")),
    removeNode: (id) => json("DELETE", nodePath(id)),
    createJoinToken: (token) => json("POST", "/join-tokens", { body: token }),
    // limits
    limits: (signal) => json("GET", "/limits", { signal }),
    setLimit: (tier, subject, limit) => json("PUT", `/limits/${tier}/${encodeURIComponent(subject)}`, { body: limit }),
    removeLimit: (tier, subject) => json("DELETE", `/limits/${tier}/${encodeURIComponent(subject)}`),
    // webhooks
    webhooks: (query, signal) => list("/webhooks", query, signal),
    webhook: (id, signal) => json("GET", webhookPath(id), { signal }),
    createWebhook: (webhook) => json("POST", "/webhooks", { body: webhook }),
    deleteWebhook: (id) => json("DELETE", webhookPath(id)),
    rotateWebhook: (id, seconds) => json("POST", webhookPath(id, "/rotate"), { body: { overlap_seconds: seconds } }),
    pauseWebhook: (id) => json("POST", webhookPath(id, "/pause")),
    resumeWebhook: (id) => json("POST", webhookPath(id, "/resume")),
    testWebhook: (id) => json("POST", webhookPath(id, "/test")),
    deliveries: (id, query, signal) => list(webhookPath(id, "/deliveries"), query, signal),
    redeliver: (id, delivery) => json("POST", webhookPath(id, `/deliveries/${encodeURIComponent(delivery)}/redeliver`)),
    // audit
    auditEntries: (query, signal) => list("/audit/entries", query, signal),
    auditProof: (sequence, signal) => whenProved(() => json("GET", `/audit/entries/${sequence}/proof`, { signal })),
    checkpoint: (signal) => text("GET", "/audit/checkpoint", { signal }),
  };
}

export const namePath = (name, below = "") => `/names/${encodeURIComponent(name)}${below}`;
const functionPath = (name, below = "") => `/functions/${encodeURIComponent(name)}${below}`;

const nodePath = (id, below = "") => `/nodes/${encodeURIComponent(id)}${below}`;

const schedulePath = (id, below = "") => `/schedules/${encodeURIComponent(id)}${below}`;

const webhookPath = (id, below = "") => `/webhooks/${encodeURIComponent(id)}${below}`;

const bucketPath = (bucket, below = "") => `/buckets/${encodeURIComponent(bucket)}${below}`;

/** The path of a task or of something below it. */
export const taskPath = (id, below = "") => `/tasks/${encodeURIComponent(id)}${below}`;

/** The path of an output file of a task. */
export const outputPath = (id, path) =>
  taskPath(id, `/outputs/${path.split("/").map((part) => encodeURIComponent(part)).join("/")}`);

/** A failing node answers 503 with the same body, and that body is what the reader wants. */
async function healthOf(call, signal) {
  try {
    return await (await call("GET", "/health", { signal })).json();
  } catch (error) {
    if (error instanceof ApiError && error.health) return error.health;
    throw error;
  }
}

/** The log follows a change within a second; a proof asked for sooner is worth a few tries. */
async function whenProved(ask) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (error.code !== "proof_pending" || attempt === PROOF_TRIES_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, PROOF_RETRY_MS));
    }
  }
}

async function problemOf(response) {
  const request = response.headers.get("x-request-id") ?? "";
  const type = response.headers.get("content-type") ?? "";
  const fallback = { status: response.status, code: `http_${response.status}`, title: response.statusText, detail: `The node answered with status ${response.status}.`, request };
  if (!type.includes("json")) return new ApiError(fallback);
  const body = await response.json().catch(() => ({}));
  const error = new ApiError({ ...fallback, ...body, status: response.status });
  if (Array.isArray(body.checks)) error.health = body;
  return error;
}

/** Sends a file with progress, for which only XMLHttpRequest reports what left the machine. */
function sendFile(path, file, { digest, onProgress = () => {}, signal, onSignedOut }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", BASE + path);
    request.setRequestHeader("x-casemate-csrf", "1");
    request.setRequestHeader("content-type", file.type || mediaTypeOf(file.name ?? ""));
    if (digest) request.setRequestHeader("x-casemate-digest", digest);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    request.addEventListener("load", () => {
      const body = parseJson(request.responseText);
      if (request.status >= 200 && request.status < 300) return resolve(body);
      if (request.status === 401) onSignedOut();
      const fallback = { code: `http_${request.status}`, detail: `The node answered with status ${request.status}.`, request: request.getResponseHeader("x-request-id") ?? "" };
      return reject(new ApiError({ ...fallback, ...body, status: request.status }));
    });
    request.addEventListener("error", () => reject(new ApiError({ detail: "The connection broke during the upload. Nothing was stored." })));
    request.addEventListener("abort", () => reject(new DOMException("The upload was cancelled.", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Browsers know no media type for WebAssembly files on most systems. */
function mediaTypeOf(name) {
  return name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function queryText(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`;
}

const PROOF_TRIES_MAX = 8;
const PROOF_RETRY_MS = 400;
