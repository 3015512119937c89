// Buckets, and the way to make one: upload something into it.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { bytes, count } from "../ui/format.js";
import { calmly, empty, moment, pageHead } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";

export const title = () => "Objects";

export async function render({ api, events, signal, navigate, can }) {
  const open = () => newBucket(navigate);
  const button = () => can("objects:write") && h("button", { type: "button", class: "primary", on: { click: open } }, icon("plus"), "New bucket");
  const list = pagedTable({
    caption: "Buckets", columns: columns(), signal,
    load: (after) => api.buckets({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No bucket yet", text: "A bucket is made when the first object is stored in it.", action: button(), command: commands.upload }),
  });
  events.on(["object", "reset"], calmly(list.reload, 400, signal), signal);
  return h("div", {}, pageHead("Objects", { lead: "Bytes kept by their SHA-256; every read is checked against it.", actions: button() }), list.element);
}

function columns() {
  return [
    { label: "Bucket", class: "grow", cell: (bucket) => h("a", { href: hashFor(["objects", bucket.bucket]) }, bucket.bucket) },
    { label: "Objects", class: "number", cell: (bucket) => count(bucket.objects) },
    { label: "Size", class: "number", cell: (bucket) => bytes(bucket.size_bytes) },
    { label: "Created", cell: (bucket) => moment(bucket.created) },
  ];
}

function newBucket(navigate) {
  const name = textInput({ placeholder: "builds", autofocus: true });
  const opened = openDialog({
    title: "New bucket",
    content: form({
      fields: [field({ label: "Name", name: "bucket", control: name, hint: "3 to 63 characters of a-z, 0-9, hyphens and single dots inside." })],
      submit: "Choose files",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        const bucket = name.value.trim();
        if (!/^(?=.{3,63}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])$/.test(bucket)) throw new FieldError("/bucket", "Use 3 to 63 characters of a-z, 0-9, hyphens and single dots inside.");
        opened.close();
        navigate(hashFor(["objects", bucket]));
      },
    }),
  });
}
