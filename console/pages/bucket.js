// The objects of one bucket, and uploading into it.

import { href, objectPath } from "../api.js";
import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { bytes } from "../ui/format.js";
import { textInput } from "../ui/form.js";
import { calmly, digestOf, empty, moment, pageHead } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { dropZone } from "../ui/upload.js";

export const title = ({ bucket }) => bucket;

export async function render({ api, events, signal, params, query, can }) {
  const { bucket } = params;
  let prefix = query.prefix ?? "";
  const list = pagedTable({
    caption: `Objects of ${bucket}`, columns: columns(), signal,
    load: (after) => pageOf(api, bucket, { prefix, after, limit: PAGE }, signal),
    none: () => nothing(prefix),
  });
  const filter = textInput({ type: "search", placeholder: "Keys that begin with…", "aria-label": "Show keys that begin with", value: prefix, "data-filter": true });
  const refilter = calmly(() => {
    prefix = filter.value;
    history.replaceState(null, "", hashFor(["objects", bucket], { prefix }));
    list.restart();
  }, 250, signal);
  filter.addEventListener("input", refilter);
  events.on(["object", "reset"], calmly(list.reload, 400, signal), signal);
  return h("div", {},
    pageHead(bucket, { trail: [["Objects", hashFor(["objects"])]], actions: filter }),
    can("objects:write") && dropZone({ api, bucket, onStored: list.reload }),
    list.element);
}

/** A bucket is made by its first object; until then the API may not know it. */
async function pageOf(api, bucket, query, signal) {
  try {
    return await api.objects(bucket, query, signal);
  } catch (error) {
    if (error.status === 404) return { items: [], next: null };
    throw error;
  }
}

function nothing(prefix) {
  if (prefix) return empty({ title: "No key begins with that", text: "Clear the filter to see all objects of the bucket." });
  return empty({ title: "This bucket is empty", text: "Drop files above, or choose them. They are hashed here before they are sent.", command: commands.upload });
}

function columns() {
  return [
    { label: "Key", class: "grow", cell: (object) => h("a", { href: hashFor(["objects", object.bucket, object.key]), class: "clip", title: object.key }, object.key) },
    { label: "Size", class: "number", cell: (object) => bytes(object.size_bytes) },
    { label: "SHA-256", cell: (object) => digestOf(object.digest) },
    { label: "Stored", cell: (object) => moment(object.stored) },
    { label: "", cell: (object) => h("a", { class: "button small", href: href(objectPath(object.bucket, object.key)), download: object.key.split("/").at(-1), "aria-label": `Download ${object.key}` }, "Download") },
  ];
}
