// Buckets: what they hold, what that takes, and making one.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { figure, savedText, savingsChart } from "../ui/figures.js";
import { field, FieldError, form, select, textInput } from "../ui/form.js";
import { bytes, count, plural } from "../ui/format.js";
import { badge, calmly, empty, moment, pageHead, panel, region } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";

export const title = () => "Objects";

const DAYS_SHOWN = 200;

export async function render({ api, events, signal, navigate, can }) {
  const open = () => newBucket({ api, navigate });
  const button = () => can("objects:write") && h("button", { type: "button", class: "primary", on: { click: open } }, icon("plus"), "New bucket");
  const list = pagedTable({
    caption: "Buckets", columns: columns(), signal,
    load: (after) => api.buckets({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No bucket yet", text: "A bucket holds objects under their keys, with their versions if it is told to keep them.", action: button(), command: commands.upload }),
  });
  const totals = region(async () => {
    const [samples, usage] = await Promise.all([api.projectSamples({ limit: DAYS_SHOWN }, signal), api.usage(signal)]);
    return [drawTotals(samples.items.reverse()), drawQuota(usage)];
  }, signal);
  const reload = () => Promise.all([list.reload(), totals.reload()]);
  events.on(["object", "reset"], calmly(reload, 400, signal), signal);
  return h("div", {}, pageHead("Objects", { lead: "Bytes kept by their SHA-256; every read is checked against it.", actions: button() }), totals.element, list.element);
}

/** Nothing is drawn until something was measured: an empty node has its empty list to say so. */
function drawTotals(samples) {
  const last = samples.at(-1);
  if (!last || last.objects + last.versions === 0) return null;
  return [
    h("div", { class: "figures" },
      figure("Content", bytes(last.content_bytes), `${plural(last.objects, "object")}, ${plural(last.versions, "older version")}`),
      figure("Stored", bytes(last.stored_bytes), "what a bucket shares counted once"),
      figure("Saved", savedText(last), ["measured ", moment(last.measured)])),
    samples.length > 1 && panel("Savings over time", savingsChart(samples)),
  ];
}

/** How much of what the operator allows is used; nothing where anything is allowed. */
function drawQuota({ objects, objects_max: objectsMax, bytes: used, bytes_max: bytesMax, upload_bytes: uploading }) {
  const rows = [
    objectsMax !== null && ["Objects and versions", objects, objectsMax, `${count(objects)} of ${count(objectsMax)}`],
    bytesMax !== null && ["Bytes", used, bytesMax, `${bytes(used)} of ${bytes(bytesMax)}${uploading > 0 ? `, ${bytes(uploading)} in unfinished uploads` : ""}`],
  ].filter(Boolean);
  if (rows.length === 0) return null;
  return panel("Quota of the project", h("ul", { class: "limits" }, rows.map(([label, value, max, text]) =>
    h("li", { class: value / max >= 0.9 ? "high" : null }, h("span", { class: "limit-name" }, label),
      h("meter", { min: 0, max, high: max * 0.9, optimum: 0, value: Math.min(value, max), "aria-label": `${label}: ${text}` }), h("span", { class: "limit-text" }, text)))),
  { hint: "Set by the operator. It counts content before sharing and packing." });
}

function columns() {
  return [
    { label: "Bucket", class: "grow", cell: (bucket) => h("a", { href: hashFor(["objects", bucket.bucket]) }, bucket.bucket) },
    { label: "Objects", class: "number", cell: (bucket) => count(bucket.objects) },
    { label: "Content", class: "number", cell: (bucket) => bytes(bucket.size_bytes + bucket.version_bytes) },
    { label: "Stored", class: "number", cell: (bucket) => (bucket.measured ? bytes(bucket.measured.stored_bytes) : "–") },
    { label: "Saved", class: "number", cell: (bucket) => savedText(bucket.measured) },
    { label: "Versions", cell: versionsOf },
    { label: "Created", cell: (bucket) => moment(bucket.created) },
  ];
}

function versionsOf(bucket) {
  if (bucket.versioning === "off") return h("span", { class: "muted" }, "none kept");
  return [badge(bucket.versioning === "on" ? "kept" : "suspended", bucket.versioning === "on" ? "ok" : "warn"), ` ${count(bucket.versions)} older`];
}

function newBucket({ api, navigate }) {
  const name = textInput({ placeholder: "builds", autofocus: true });
  const versioning = select([["", "Only the newest of each object"], ["on", "Every version of each object"]]);
  const opened = openDialog({
    title: "New bucket",
    content: form({
      fields: [
        field({ label: "Name", name: "bucket", control: name, hint: "3 to 63 characters of a-z, 0-9, hyphens and single dots inside." }),
        field({ label: "Keep", name: "versioning", control: versioning, hint: "Versions are stored as what changed in them. This can be turned on later too." }),
      ],
      submit: "Create",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        const bucket = name.value.trim();
        if (!/^(?=.{3,63}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])$/.test(bucket)) throw new FieldError("/bucket", "Use 3 to 63 characters of a-z, 0-9, hyphens and single dots inside.");
        await api.createBucket({ bucket, ...(versioning.value && { versioning: versioning.value }) });
        opened.close();
        navigate(hashFor(["objects", bucket]));
      },
    }),
  });
}
