// Joins the parts: session, router, live stream, shell. Pages know none of this; they get what they need in `page`.

import { createApi } from "./api.js";
import { createEvents } from "./events.js";
import { hashFor, matchRoute, safeReturn } from "./router.js";
import { fill } from "./ui/dom.js";
import { failure, loading, startClock } from "./ui/parts.js";
import { createShell } from "./ui/shell.js";
import { bindShortcuts } from "./ui/shortcuts.js";
import { toast } from "./ui/toast.js";
import * as account from "./pages/account.js";
import * as audit from "./pages/audit.js";
import * as auditEntry from "./pages/audit_entry.js";
import * as bucket from "./pages/bucket.js";
import * as join from "./pages/join.js";
import * as keys from "./pages/keys.js";
import * as limits from "./pages/limits.js";
import * as login from "./pages/login.js";
import * as name from "./pages/name.js";
import * as functionPage from "./pages/function.js";
import * as functions from "./pages/functions.js";
import * as names from "./pages/names.js";
import * as node from "./pages/node.js";
import * as nodes from "./pages/nodes.js";
import * as newSchedule from "./pages/new_schedule.js";
import * as newTask from "./pages/new_task.js";
import * as object from "./pages/object.js";
import * as objects from "./pages/objects.js";
import * as overview from "./pages/overview.js";
import * as schedule from "./pages/schedule.js";
import * as schedules from "./pages/schedules.js";
import * as task from "./pages/task.js";
import * as taskStatistics from "./pages/task_statistics.js";
import * as tasks from "./pages/tasks.js";
import * as users from "./pages/users.js";
import * as webhook from "./pages/webhook.js";
import * as webhooks from "./pages/webhooks.js";

const ROUTES = [
  { pattern: ["login"], page: login, public: true },
  { pattern: ["join"], page: join, public: true },
  { pattern: ["overview"], page: overview },
  { pattern: ["tasks"], page: tasks },
  { pattern: ["tasks", "new"], page: newTask },
  { pattern: ["tasks", "statistics"], page: taskStatistics },
  { pattern: ["tasks", ":id"], page: task },
  { pattern: ["schedules"], page: schedules },
  { pattern: ["schedules", "new"], page: newSchedule },
  { pattern: ["schedules", ":id"], page: schedule },
  { pattern: ["functions"], page: functions },
  { pattern: ["functions", ":name"], page: functionPage },
  { pattern: ["nodes"], page: nodes },
  { pattern: ["nodes", ":id"], page: node },
  { pattern: ["objects"], page: objects },
  { pattern: ["objects", ":bucket"], page: bucket },
  { pattern: ["objects", ":bucket", ":key"], page: object },
  { pattern: ["names"], page: names },
  { pattern: ["names", ":name"], page: name },
  { pattern: ["audit"], page: audit },
  { pattern: ["audit", ":sequence"], page: auditEntry },
  { pattern: ["keys"], page: keys },
  { pattern: ["users"], page: users },
  { pattern: ["limits"], page: limits },
  { pattern: ["webhooks"], page: webhooks },
  { pattern: ["webhooks", ":id"], page: webhook },
  { pattern: ["account"], page: account },
];

const api = createApi({ onSignedOut });
const events = createEvents({ url: "/api/v1/events", checkSession });
const shell = createShell({ events, onSignOut: signOut });
let principal = null;
let leave = new AbortController();

/** Whether the reader may do what needs `scope`, if only for some resources. */
const can = (scope) => principal !== null && principal.scopes.some((one) => one === scope || one.startsWith(`${scope}:`));

function navigate(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

/** Draws the page of the address; whatever the former page still waits for is abandoned. */
async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const found = matchRoute(ROUTES, location.hash);
  if (!found) return navigate(principal ? "#/overview" : "#/login");
  if (!principal && !found.route.public) return navigate(loginHash());
  if (principal && found.route.public && !found.query.token) return navigate(safeReturn(found.query.return));
  const { page } = found.route;
  document.title = `${page.title(found.params)} · Casemate`;
  shell.mark(found.route.pattern[0]);
  fill(shell.main, loading());
  try {
    const element = await page.render({ api, events, signal, navigate, can, user: principal?.user ?? null, project: principal?.project ?? null, signedIn, refreshed, params: found.params, query: found.query });
    if (!signal.aborted) fill(shell.main, element);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return undefined;
    fill(shell.main, failure(error, show, () => history.back()));
  }
  if (!signal.aborted) focusStart();
  return undefined;
}

/** Readers and keyboards continue at the new page's heading, unless the page has a better place. */
function focusStart() {
  if (document.querySelector("dialog[open]")) return;
  const place = shell.main.querySelector("[autofocus]") ?? shell.main.querySelector("h1[tabindex]") ?? shell.main;
  place.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

const loginHash = () => hashFor(["login"], { return: location.hash.startsWith("#/login") ? "" : location.hash });

function signedIn(who, target = "#/overview") {
  principal = who;
  sessionMark.set(true);
  greet();
  navigate(mustEnrol() ? "#/account" : target);
}

/** Who must have a second factor and has none may do nothing else. */
const mustEnrol = () => Boolean(principal.user) && principal.scopes.length === 0;

/** Looks again who is signed in: a second factor may have opened what was closed. */
async function refreshed() {
  if (!mustEnrol()) return;
  principal = await api.whoami();
  greet();
}

function greet() {
  shell.signedIn(principal, can);
  if (can("node:read")) events.open();
}

function onSignedOut() {
  if (!principal) return;
  forgetSession();
  toast("Your session ended. Sign in to go on where you were.");
  navigate(loginHash());
}

async function signOut() {
  try {
    await api.signOut();
  } finally {
    forgetSession();
    navigate("#/login");
  }
}

function forgetSession() {
  principal = null;
  sessionMark.set(false);
  events.close();
  shell.signedOut();
}

/** Asked before the stream is tried again: a refused session must not be retried for ever. */
async function checkSession() {
  try {
    await api.whoami();
    return true;
  } catch (error) {
    if (error.status !== 401) return true;
    onSignedOut();
    return false;
  }
}

/**
 * Whether this browser signed in before: the cookie itself is hidden from scripts, and asking without one would be an
 * error in the log of every first visit. No secret.
 */
const sessionMark = {
  get: () => {
    try {
      return localStorage.getItem("casemate.signed_in") === "yes";
    } catch {
      return true;
    }
  },
  set: (value) => {
    try {
      if (value) localStorage.setItem("casemate.signed_in", "yes");
      else localStorage.removeItem("casemate.signed_in");
    } catch {
      // Without storage the session is asked for on each visit.
    }
  },
};

async function start() {
  startClock();
  bindShortcuts({ navigate, can, active: () => principal !== null });
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    shell.main.focus();
  });
  // A fresh link means a fresh session, whatever cookie is still there.
  const found = matchRoute(ROUTES, location.hash);
  if (!found?.query.token && sessionMark.get()) principal = await api.whoami().catch(() => null);
  if (principal) greet();
  addEventListener("hashchange", show);
  await show();
}

start();
