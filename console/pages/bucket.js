// One bucket: its folders, its versions, what is stored as a difference to what, savings, settings, and uploading into it.

import { href, objectPath } from "../api.js";
import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { deltaGraph } from "../ui/delta_graph.js";
import { figure, savedText, savingsChart } from "../ui/figures.js";
import { bytes, count, plural } from "../ui/format.js";
import { textInput } from "../ui/form.js";
import { badge, calmly, digestOf, empty, moment, pageHead, panel, region } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";
import { dropZone } from "../ui/upload.js";
import { settingsDialog } from "./bucket_settings.js";

const VIEWS = [["", "Files"], ["versions", "Versions"], ["graph", "Differences"], ["savings", "Savings"]];
const DAYS_SHOWN = 200;

export const title = ({ bucket }) => bucket;

export async function render(page) {
  const { api, events, signal, params, query, can } = page;
  const { bucket } = params;
  const view = VIEWS.some(([key]) => key === query.view) ? query.view : "";
  const place = { bucket, view, prefix: query.prefix ?? "" };
  const head = region(async () => drawHead(page, await bucketOf(api, bucket, signal)), signal);
  const content = CONTENTS[view]({ ...page, place });
  const reload = () => Promise.all([head.reload(), content.reload()]);
  events.on(["object", "reset"], calmly(reload, 400, signal), signal);
  await head.start;
  return h("div", {},
    head.element,
    h("nav", { class: "tabs", "aria-label": "Views of the bucket" }, VIEWS.map(([key, label]) =>
      h("a", { href: hashFor(["objects", bucket], { view: key, prefix: key === "savings" ? "" : place.prefix }), "aria-current": key === view ? "page" : null }, label))),
    can("objects:write") && view === "" && dropZone({ api, bucket, folder: folderOf(place.prefix), onStored: () => reload() }),
    view !== "savings" && h("div", { class: "bar" }, crumbs(place), filterOf(place, content, signal)),
    content.element);
}

/** A bucket may also be made by its first object; until then the node does not know it. */
async function bucketOf(api, bucket, signal) {
  try {
    return await api.bucket(bucket, signal);
  } catch (error) {
    if (error.status === 404) return { bucket, missing: true };
    throw error;
  }
}

function drawHead(page, bucket) {
  const { can, navigate, api } = page;
  const trail = [["Objects", hashFor(["objects"])]];
  if (bucket.missing) return pageHead(bucket.bucket, { trail, lead: "There is no such bucket yet. The first object makes it." });
  const isEmpty = bucket.objects + bucket.versions === 0;
  const actions = can("objects:write") && [
    h("button", { type: "button", on: { click: () => settingsDialog({ api, bucket, onChanged: () => navigate(location.hash) }) } }, "Settings"),
    isEmpty && h("button", { type: "button", class: "danger", on: { click: () => remove({ api, bucket: bucket.bucket, navigate }) } }, "Delete bucket"),
  ];
  const sample = bucket.measured;
  return [
    pageHead([bucket.bucket, " ", bucket.versioning === "on" && badge("keeps versions", "ok"), bucket.versioning === "suspended" && badge("versions suspended", "warn")], { trail, actions }),
    !isEmpty && h("div", { class: "figures" },
      figure("Objects", count(bucket.objects), bucket.versions > 0 ? plural(bucket.versions, "older version") : bytes(bucket.size_bytes)),
      figure("Content", bytes(bucket.size_bytes + bucket.version_bytes), "before sharing and packing"),
      figure("Stored", sample ? bytes(sample.stored_bytes) : "–", sample ? ["measured ", moment(sample.measured)] : "not measured yet"),
      figure("Saved", savedText(sample), "of the content")),
  ];
}

async function remove({ api, bucket, navigate }) {
  const sure = await confirmDialog({ title: "Delete this bucket?", text: ["Nothing is in ", h("strong", {}, bucket), ". Its settings and figures go with it."], action: "Delete bucket" });
  if (!sure) return;
  try {
    await api.deleteBucket(bucket);
    toast(`Deleted ${bucket}.`);
    navigate(hashFor(["objects"]));
  } catch (error) {
    toastError(error);
  }
}

/** The folder that a prefix lies in. */
const folderOf = (prefix) => prefix.slice(0, prefix.lastIndexOf("/") + 1);

/** The way from the bucket to the folder shown. */
function crumbs({ bucket, view, prefix }) {
  const parts = folderOf(prefix).split("/").slice(0, -1);
  const steps = parts.map((part, index) => [part || "(no name)", `${parts.slice(0, index + 1).join("/")}/`]);
  return h("nav", { class: "crumbs", "aria-label": "Folder" },
    [[bucket, ""], ...steps].map(([text, target], index) => [
      index > 0 && h("span", { "aria-hidden": "true" }, "/"),
      h("a", { href: hashFor(["objects", bucket], { view, prefix: target }), class: "clip" }, text),
    ]));
}

/** Narrows the list as the reader types; the address keeps what was typed. */
function filterOf(place, content, signal) {
  const filter = textInput({ type: "search", placeholder: "Keys that begin with…", "aria-label": "Show keys that begin with", value: place.prefix, "data-filter": true });
  const refilter = calmly(() => {
    place.prefix = filter.value;
    history.replaceState(null, "", hashFor(["objects", place.bucket], { view: place.view, prefix: place.prefix }));
    content.restart();
  }, 250, signal);
  filter.addEventListener("input", refilter);
  return filter;
}

const CONTENTS = { "": files, versions, graph, savings };

function files({ api, signal, place }) {
  return pagedTable({
    caption: `Objects of ${place.bucket}`, columns: fileColumns(place), signal,
    load: (after) => noneIfMissing(() => api.folder(place.bucket, { prefix: place.prefix, after, limit: PAGE }, signal)),
    none: () => nothing(place.prefix, "Drop files above, or choose them. They are hashed here before they are sent."),
  });
}

function versions({ api, signal, place, can, navigate }) {
  const again = () => navigate(location.hash);
  return pagedTable({
    caption: `Versions in ${place.bucket}`, columns: versionColumns({ api, can, again }), signal,
    load: (after) => noneIfMissing(() => api.versions(place.bucket, { prefix: place.prefix, after, limit: PAGE }, signal)),
    none: () => nothing(place.prefix, "What is stored here shows with its versions."),
  });
}

function graph({ api, signal, place }) {
  const shown = region(async () => {
    const found = await api.graph(place.bucket, place.prefix, signal);
    return found.nodes.length === 0 ? nothing(place.prefix, "What is stored here shows with how it is stored.") : panel("What is stored as a difference to what", deltaGraph(found), { hint: "A read applies one difference at most." });
  }, signal);
  return { ...shown, restart: shown.reload };
}

function savings({ api, signal, place }) {
  const shown = region(async () => {
    const samples = (await api.samples(place.bucket, { limit: DAYS_SHOWN }, signal)).items.reverse();
    return panel("Savings over time", savingsChart(samples), { hint: "One measurement a day is kept, for a year." });
  }, signal);
  return { ...shown, restart: shown.reload };
}

async function noneIfMissing(load) {
  try {
    return await load();
  } catch (error) {
    if (error.status === 404) return { items: [], next: null };
    throw error;
  }
}

function nothing(prefix, text) {
  if (prefix) return empty({ title: "No key begins with that", text: "Clear the filter to see all objects of the bucket." });
  return empty({ title: "This bucket is empty", text, command: commands.upload });
}

const nameIn = (key, prefix) => key.slice(folderOf(prefix).length) || key;

function fileColumns(place) {
  const { bucket } = place;
  const ofObject = (draw) => ({ object }) => object && draw(object);
  return [
    { label: "Name", class: "grow", cell: ({ folder, object }) => (object
      ? h("a", { href: hashFor(["objects", bucket, object.key]), class: "clip", title: object.key }, nameIn(object.key, place.prefix))
      : h("a", { href: hashFor(["objects", bucket], { prefix: folder }), class: "clip folder", title: folder }, icon("folder"), nameIn(folder, place.prefix))) },
    { label: "Size", class: "number", cell: ofObject((object) => bytes(object.size_bytes)) },
    { label: "SHA-256", cell: ofObject((object) => digestOf(object.digest)) },
    { label: "Stored", cell: ofObject((object) => moment(object.stored)) },
    { label: "", cell: ofObject((object) => h("a", { class: "button small", href: href(objectPath(bucket, object.key)), download: object.key.split("/").at(-1), "aria-label": `Download ${object.key}` }, "Download")) },
  ];
}

/** What is shown of versions, here and on the page of their object. */
export function versionColumns({ api, can, again, withKey = true }) {
  const columns = [
    { label: "State", cell: stateOf },
    { label: "Size", class: "number", cell: (version) => (version.digest ? bytes(version.size_bytes) : "–") },
    { label: "SHA-256", cell: (version) => version.digest && digestOf(version.digest) },
    { label: "Made", cell: (version) => moment(version.stored) },
    { label: "", cell: (version) => h("div", { class: "actions" }, versionActions({ api, can, again, version })) },
  ];
  const key = { label: "Key", class: "grow", cell: (version) => h("a", { href: hashFor(["objects", version.bucket, version.key], { version: version.latest ? "" : version.version }), class: "clip", title: version.key }, version.key) };
  return withKey ? [key, ...columns] : columns;
}

function stateOf(version) {
  if (!version.digest) return badge(version.latest ? "deleted" : "was deleted", "warn");
  return version.latest ? badge("newest", "ok") : badge("older");
}

function versionActions({ api, can, again, version }) {
  const { bucket, key, version: id } = version;
  const small = (text, act, label, tone = "small") => h("button", { type: "button", class: tone, "aria-label": label, on: { click: act } }, text);
  return [
    version.digest && h("a", { class: "button small", href: `${href(objectPath(bucket, key))}?version=${encodeURIComponent(id)}`, download: key.split("/").at(-1), "aria-label": `Download version ${id} of ${key}` }, "Download"),
    can("objects:write") && version.digest && !version.latest && small("Restore", () => restore({ api, again, version }), `Restore version ${id} of ${key}`),
    can("objects:write") && small("Delete", () => removeVersion({ api, again, version }), `Delete version ${id} of ${key}`, "small danger"),
  ];
}

async function restore({ api, again, version: { bucket, key, version } }) {
  try {
    await api.restoreObject(bucket, key, version);
    toast(`Restored ${key}.`);
    again();
  } catch (error) {
    toastError(error);
  }
}

async function removeVersion({ api, again, version: { bucket, key, version, digest, latest } }) {
  const what = digest ? "Its content goes for good, unless something else needs it." : "The version before it comes to light again.";
  const sure = await confirmDialog({ title: digest ? "Delete this version?" : "Delete the mark of deletion?", text: [latest && digest ? "It is the newest version of " : "It is a version of ", h("strong", { class: "wrap" }, key), `. ${what} This cannot be undone.`], action: "Delete" });
  if (!sure) return;
  try {
    await api.deleteObject(bucket, key, version);
    toast(`Deleted a version of ${key}.`);
    again();
  } catch (error) {
    toastError(error);
  }
}
