// The settings of a bucket, in a dialog.

import { h } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, form, select } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** Opens the settings of a bucket; `onChanged` is called when they were changed. */
export function settingsDialog({ api, bucket, onChanged }) {
  const kept = bucket.versioning !== "off";
  const versioning = select([...(kept ? [] : [["off", "Only the newest of each object"]]), ["on", "Every version of each object"], ...(kept ? [["suspended", "No new versions"]] : [])], { value: bucket.versioning });
  const opened = openDialog({
    title: `Settings of ${bucket.bucket}`,
    wide: true,
    content: form({
      fields: [
        field({ label: "Keep", name: "versioning", control: versioning, hint: kept ? "Versions that were made stay in any case." : "Once versions are kept, that can be suspended, but not undone." }),
        h("p", { class: "hint" }, "Tags and rules for other origins are set over S3."),
      ],
      submit: "Save",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        if (versioning.value !== bucket.versioning) await api.configureBucket(bucket.bucket, { versioning: versioning.value });
        opened.close();
        toast("Saved the settings.");
        onChanged();
      },
    }),
  });
}
