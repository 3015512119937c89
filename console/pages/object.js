// One object, or a version of it: its facts, how it is stored, its versions, and what can be done with it.

import { href, objectPath } from "../api.js";
import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { savedText } from "../ui/figures.js";
import { bytes, count } from "../ui/format.js";
import { badge, clip, copyButton, facts, moment, pageHead, panel } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";
import { versionColumns } from "./bucket.js";
import { shareDialog } from "./share.js";

export const title = ({ key }) => key;

/** How its content is stored, and what that saves. */
function onDisk({ size_bytes: size, stored_bytes: stored, form, base }) {
  if (stored === null) return "whole so far; the node has not looked yet whether packing pays";
  const saved = size > stored ? `, ${savedText({ content_bytes: size, stored_bytes: stored })} saved` : "";
  if (form !== "difference") return `${bytes(stored)}, ${form}${saved}`;
  const target = base && hashFor(["objects", base.bucket, base.key], { version: base.version === "null" ? "" : base.version });
  return [`${bytes(stored)}${saved}, as a difference to `, base ? h("a", { class: "wrap", href: target }, `${base.bucket}/${base.key}`) : "what was here once"];
}

/** Whether it says that it is a program; whoever knows better names it on the page where tasks are made. */
const isProgram = ({ key, media_type: type }) => type === "application/wasm" || key.endsWith(".wasm");

export async function render(page) {
  const { api, signal, params, query, navigate, can } = page;
  const version = query.version || undefined;
  const bucket = await api.bucket(params.bucket, signal);
  const object = await objectOf({ api, params, version, signal }, bucket);
  const folder = params.key.slice(0, params.key.lastIndexOf("/") + 1);
  const here = [["Objects", hashFor(["objects"])], [params.bucket, hashFor(["objects", params.bucket])], ...(folder ? [[folder.slice(0, -1), hashFor(["objects", params.bucket], { prefix: folder })]] : [])];
  const again = () => navigate(location.hash);
  const versions = bucket.versioning !== "off" && pagedTable({
    caption: `Versions of ${params.key}`, columns: versionColumns({ api, can, again, withKey: false }), signal,
    load: (after) => api.versions(params.bucket, { key: params.key, after, limit: PAGE }, signal),
    none: () => h("p", { class: "hint" }, "There is no version."),
  });
  const content = object.deleted ? deletedNote() : shown(page, object, version, bucket);
  return h("div", {},
    pageHead([params.key, " ", version && badge("a version", "busy")], { trail: here, actions: object.deleted ? null : actionsOf({ api, object, version, bucket, navigate, can }) }),
    content,
    versions && panel("Versions", versions.element, { hint: "Newest first. Restoring copies a version up; nothing is lost by it." }));
}

/** An object that was deleted in a bucket that keeps versions still has a page, for its versions. */
async function objectOf({ api, params: { bucket, key }, version, signal }, { versioning }) {
  if (versioning !== "off" && !version) {
    const { items: [newest] } = await api.versions(bucket, { key, limit: 1 }, signal);
    if (newest && !newest.digest) return { deleted: true };
  }
  return api.object(bucket, key, version, signal);
}

const deletedNote = () => h("p", { class: "panel" }, badge("deleted", "warn"), " The newest version says that this object was deleted. Older versions can be read and restored.");

function actionsOf({ api, object, version, bucket, navigate, can }) {
  const query = version ? `?version=${encodeURIComponent(version)}` : "";
  return [
    can("tasks:write") && !version && isProgram(object) && h("a", { class: "button primary", href: hashFor(["tasks", "new"], { bucket: object.bucket, key: object.key }) }, "Run it"),
    can("names:write") && h("a", { class: "button", href: hashFor(["names"], { claim: object.digest }) }, "Name it"),
    h("a", { class: "button", href: `${href(objectPath(object.bucket, object.key))}${query}`, download: object.key.split("/").at(-1) }, "Download"),
    can("objects:share") && h("button", { type: "button", on: { click: () => shareDialog({ api, object, version }) } }, "Share"),
    can("objects:write") && !version && h("button", { type: "button", class: "danger", on: { click: () => remove({ api, object, bucket, navigate }) } }, "Delete"),
  ];
}

function shown({ api }, object, version, bucket) {
  const verdict = h("span", { role: "status" });
  const verify = h("button", { type: "button", class: "small" }, "Verify now");
  verify.addEventListener("click", () => check({ api, object, version, verify, verdict }));
  return panel("Object", facts([
    ["SHA-256", h("span", { class: "digest" }, clip(object.digest, true), copyButton(object.digest, "digest"))],
    ["Size", `${bytes(object.size_bytes)} (${count(object.size_bytes)} bytes)`],
    ["On disk", onDisk(object)],
    ["Media type", clip(object.media_type ?? "not told", true)],
    ["Stored", moment(object.stored)],
    bucket.versioning !== "off" && ["Version", h("code", { class: "wrap" }, object.version)],
    ["Stored bytes", h("span", { class: "actions" }, verify, verdict)],
  ]), { hint: "To check a download by hand: sha256sum must print the same digest." });
}

const VERDICTS = {
  sound: ["sound", "ok", "the node read all of it again, and its SHA-256 is the one above"],
  damaged: ["damaged", "bad", "the bytes on the disk are not those that were stored; they are set aside, and storing the object again heals it"],
  missing: ["missing", "bad", "the bytes are gone from the disk; storing the object again heals it"],
};

/** Has the node read the content again, and says what it found. */
async function check({ api, object, version, verify, verdict }) {
  verify.disabled = true;
  fill(verdict, "Reading…");
  try {
    const [word, tone, text] = VERDICTS[(await api.verifyObject(object.bucket, object.key, version)).verdict];
    fill(verdict, badge(word, tone), ` ${text}`);
  } catch (error) {
    fill(verdict);
    toastError(error);
  } finally {
    verify.disabled = false;
  }
}

async function remove({ api, object, bucket, navigate }) {
  const kept = bucket.versioning === "on";
  const sure = await confirmDialog({
    title: "Delete this object?",
    text: ["The key ", h("strong", { class: "wrap" }, object.key), " of ", h("strong", {}, object.bucket), kept ? " is marked as deleted. Its versions stay and can be restored." : " is removed. Its bytes go too, unless something else needs them."],
    action: "Delete",
  });
  if (!sure) return;
  try {
    await api.deleteObject(object.bucket, object.key);
    toast(`Deleted ${object.key}.`);
    navigate(hashFor(["objects", object.bucket], { prefix: object.key.slice(0, object.key.lastIndexOf("/") + 1) }));
  } catch (error) {
    toastError(error);
  }
}
