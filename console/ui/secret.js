// What is shown once and never again.

import { h } from "./dom.js";
import { openDialog } from "./dialog.js";
import { copyButton } from "./parts.js";

/** Shows a secret until its reader says that it is kept. */
export function showSecret({ title, text, secret, noun }) {
  const opened = openDialog({
    title,
    wide: true,
    content: [
      h("p", {}, text),
      h("p", { class: "secret" }, h("code", { tabindex: 0 }, secret), copyButton(secret, noun)),
      h("div", { class: "actions end" }, h("button", { type: "button", class: "primary", on: { click: () => opened.close() } }, "I have kept it")),
    ],
  });
}
