// A link that opens one version of an object to whoever holds it, in a dialog.

import { h } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, form, select } from "../ui/form.js";
import { copyButton, moment } from "../ui/parts.js";

const LIFETIMES = [["3600", "1 hour"], ["86400", "1 day"], ["604800", "7 days"], ["2592000", "30 days"]];

/** Asks how long a link is to be good for, makes it, and shows it this once. */
export function shareDialog({ api, object, version }) {
  const lifetime = select(LIFETIMES, { value: "86400" });
  const opened = openDialog({
    title: "Share this object",
    wide: true,
    content: [
      h("p", {}, "Whoever holds the link can download ", h("strong", { class: "wrap" }, object.key), " as it is now, and nothing else. Each use is in the audit log."),
      form({
        fields: [field({ label: "Good for", name: "seconds", control: lifetime, hint: "It ends sooner when the object's content or the API key behind you goes." })],
        submit: "Make a link",
        onCancel: () => opened.close(),
        onSubmit: async () => {
          const share = await api.share({ bucket: object.bucket, key: object.key, ...(version && { version }), seconds: Number(lifetime.value) });
          opened.close();
          await opened.closed;
          show(share);
        },
      }),
    ],
  });
}

function show(share) {
  const opened = openDialog({
    title: "Your link",
    wide: true,
    content: [
      h("p", {}, "Nobody can show it again. It ends ", moment(share.expires), "."),
      h("p", { class: "secret" }, h("code", { tabindex: 0 }, share.url), copyButton(share.url, "link")),
      h("div", { class: "actions end" }, h("button", { type: "button", class: "primary", on: { click: () => opened.close() } }, "Done")),
    ],
  });
}
