// What the forms of tasks say, as the API takes it, and back. Pure.

import { duration, parseCount, parseDuration } from "./format.js";
import { FieldError } from "./form.js";

/** The most that a task may ask for. */
const ATTEMPTS_MAX = 20;
const REPLICAS_MAX = 7;

/** Each choice of a quorum as `[value, words]`: more than half of 2 to 7 nodes. */
export const QUORUMS = Array.from({ length: REPLICAS_MAX - 1 }, (_, index) => index + 2).flatMap((of) =>
  Array.from({ length: of }, (_, index) => index + 1).filter((agree) => 2 * agree > of).map((agree) => [`${agree}/${of}`, `${agree} of ${of} must agree`]));

/** Words with spaces, commas or lines between them. */
export const wordsOf = (text) => text.split(/[\s,]+/).filter((word) => word !== "");

/** Lines without the empty ones. */
export const linesOf = (text) => text.split("\n").map((line) => line.replace(/\r$/, "")).filter((line) => line !== "");

/** The texts of a plan as the API takes them; what is empty is left to the node. `at(name)` is the pointer of a field. */
export function planOf({ priority, notBefore, key, attempts, wait, onExit, onTrap, timeout, labels }, at = (name) => `/plan/${name}`) {
  const retry = {
    ...(attempts.trim() !== "" && { attempts: numberIn(attempts, 1, ATTEMPTS_MAX, at("retry/attempts"), `Write a number from 1 to ${ATTEMPTS_MAX}.`) }),
    ...(wait.trim() !== "" && { wait_ms: millis(wait, at("retry/wait_ms"), "Write a time such as 1 s.") }),
    ...((onExit || onTrap) && { on: [onExit && "exit", onTrap && "trap"].filter(Boolean) }),
  };
  return {
    ...(priority !== "" && { priority: Number(priority) }),
    ...(notBefore !== "" && { not_before: timeOf(notBefore, at("not_before")) }),
    ...(key.trim() !== "" && { key: key.trim() }),
    ...(Object.keys(retry).length > 0 && { retry }),
    ...(timeout.trim() !== "" && { timeout_ms: millis(timeout, at("timeout_ms"), "Write a time such as 2 h.") }),
    ...(labels.trim() !== "" && { labels: wordsOf(labels) }),
  };
}

/** The texts of a form for a plan that was, or for none. A time that is over is left out. */
export function textsOf(plan, now = Date.now()) {
  const span = (ms) => (ms === null || ms === undefined ? "" : written(ms));
  const on = plan?.retry?.on ?? [];
  return {
    priority: plan?.priority === undefined ? "" : String(plan.priority),
    notBefore: plan?.not_before && Date.parse(plan.not_before) > now ? localTime(plan.not_before) : "",
    key: plan?.key ?? "",
    attempts: plan?.retry?.attempts === undefined ? "" : String(plan.retry.attempts),
    wait: span(plan?.retry?.wait_ms),
    onExit: on.includes("exit"),
    onTrap: on.includes("trap"),
    timeout: span(plan?.timeout_ms),
    labels: (plan?.labels ?? []).join(" "),
  };
}

/** What a plan asks for, as `[name, words]`. */
export function planTexts(plan) {
  const texts = textsOf(plan, -Infinity);
  const on = [texts.onExit && "another exit code than 0", texts.onTrap && "a trap"].filter(Boolean).join(" or ");
  return [["Priority", texts.priority], ["Not before", texts.notBefore], ["Key", texts.key], ["Attempts at most", texts.attempts], ["Attempted again after", on],
    ["Wait before the second", texts.wait], ["Time for everything", texts.timeout], ["Labels", texts.labels]].filter(([, text]) => text !== "");
}

/** A quorum such as `2/3` as the API takes it; `null` for none. It needs runs that can be compared. */
export function quorumOf(text, profile, pointer = "/quorum") {
  if (text === "") return null;
  if (profile !== "det-1") throw new FieldError(pointer, "Choose the profile det-1 too: only its runs can be compared.");
  const [agree, of] = text.split("/").map(Number);
  return { agree, of };
}

/** What a form starts from to run a task again: what it read of others is read of them again. */
export function startOf(task) {
  const read = (path) => task.awaited.find((one) => one.path === path);
  const output = ({ task: id, file }) => (file === null ? { task: id } : { task: id, file });
  const files = task.inputs.filter(({ path }) => !read(path)).map(({ path, digest }) => ({ path, source: digest }));
  const awaited = task.awaited.filter(({ path }) => path !== null).map((one) => ({ path: one.path, source: output(one) }));
  return {
    ...task,
    stdin: read(null) ? output(read(null)) : task.stdin,
    inputs: [...files, ...awaited],
    after: task.needs.filter((id) => !task.awaited.some((one) => one.task === id)),
    quorum: task.quorum ? `${task.quorum.agree}/${task.quorum.replicas.length}` : "",
  };
}

/** A time as the input of a browser has it, in the reader's zone. */
export function localTime(time) {
  const date = new Date(time);
  const two = (value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function timeOf(text, pointer) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new FieldError(pointer, "Choose a day and a time.");
  return date.toISOString();
}

function millis(text, pointer, message) {
  const value = parseDuration(text);
  if (value === null) throw new FieldError(pointer, message);
  return value;
}

function numberIn(text, least, most, pointer, message) {
  const value = parseCount(text);
  if (value === null || value < least || value > most) throw new FieldError(pointer, message);
  return value;
}

/** A span with its unit if that loses nothing, else bare milliseconds. */
function written(ms) {
  const text = duration(ms);
  return parseDuration(text) === ms ? text : String(ms);
}
