// One object: its facts, and what can be done with it.

import { href, objectPath } from "../api.js";
import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { bytes, count } from "../ui/format.js";
import { clip, copyButton, facts, moment, pageHead, panel } from "../ui/parts.js";
import { toast, toastError } from "../ui/toast.js";

export const title = ({ key }) => key;

/** How its content is stored, and what that saves. */
function onDisk({ size_bytes: size, stored_bytes: stored, base }) {
  if (stored === null) return "whole so far";
  const saved = size > stored ? `, ${Math.round((1 - stored / size) * 100)} % saved` : "";
  return [`${bytes(stored)}${saved}`, base && [" as a difference to ", h("span", { class: "digest" }, clip(base, true))]];
}

/** Whether it says that it is a program; whoever knows better names it on the page where tasks are made. */
const isProgram = ({ key, media_type: type }) => type === "application/wasm" || key.endsWith(".wasm");

export async function render({ api, signal, params, navigate, can }) {
  const object = await api.object(params.bucket, params.key, signal);
  const here = [["Objects", hashFor(["objects"])], [object.bucket, hashFor(["objects", object.bucket])]];
  const actions = [
    can("tasks:write") && isProgram(object) && h("a", { class: "button primary", href: hashFor(["tasks", "new"], { bucket: object.bucket, key: object.key }) }, "Run it"),
    can("names:write") && h("a", { class: "button", href: hashFor(["names"], { claim: object.digest }) }, "Name it"),
    h("a", { class: "button", href: href(objectPath(object.bucket, object.key)), download: object.key.split("/").at(-1) }, "Download"),
    can("objects:write") && h("button", { type: "button", class: "danger", on: { click: () => remove({ api, object, navigate }) } }, "Delete"),
  ];
  return h("div", {},
    pageHead(object.key, { trail: here, actions }),
    panel("Object", facts([
      ["SHA-256", h("span", { class: "digest" }, clip(object.digest, true), copyButton(object.digest, "digest"))],
      ["Size", `${bytes(object.size_bytes)} (${count(object.size_bytes)} bytes)`],
      ["On disk", onDisk(object)],
      ["Media type", clip(object.media_type ?? "not told", true)],
      ["Stored", moment(object.stored)],
    ]), { hint: "To check a download by hand: sha256sum must print the same digest." }));
}

async function remove({ api, object, navigate }) {
  const sure = await confirmDialog({
    title: "Delete this object?",
    text: ["The key ", h("strong", { class: "wrap" }, object.key), " of ", h("strong", {}, object.bucket), " is removed. Its bytes go too, unless something else needs them."],
    action: "Delete",
  });
  if (!sure) return;
  try {
    await api.deleteObject(object.bucket, object.key);
    toast(`Deleted ${object.key}.`);
    navigate(hashFor(["objects", object.bucket]));
  } catch (error) {
    toastError(error);
  }
}
