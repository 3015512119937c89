// Modal dialogs on the browser's own <dialog>: it keeps the focus inside, closes on Escape and gives the focus back.

import { h, icon } from "./dom.js";

/** Opens a dialog around `content`; returns `{ close, closed }`, where `closed` resolves when it is gone. */
export function openDialog({ title, content, wide = false }) {
  const id = `dialog-${(serial += 1)}`;
  const opener = document.activeElement;
  const dismiss = h("button", { type: "button", class: "quiet round", "aria-label": "Close", on: { click: () => dialog.close() } }, icon("cross"));
  const dialog = h("dialog", { class: wide ? "wide" : null, "aria-labelledby": id },
    h("header", {}, h("h2", { id }, title), dismiss), h("div", { class: "dialog-body" }, content));
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The opener may have been redrawn meanwhile; then the page's own start is the next best place.
      if (opener?.isConnected) opener.focus();
      else document.getElementById("main")?.focus();
      resolve();
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("[autofocus], .dialog-body input, .dialog-body select, .dialog-body button") ?? dismiss).focus();
  return { close: () => dialog.close(), closed };
}

/** Asks before something that cannot be undone. Resolves to true only if the action's own button was pressed. */
export async function confirmDialog({ title, text, action }) {
  let agreed = false;
  const yes = h("button", { type: "button", class: "danger", on: { click: () => { agreed = true; opened.close(); } } }, action);
  const no = h("button", { type: "button", autofocus: true, on: { click: () => opened.close() } }, "Keep it");
  const opened = openDialog({ title, content: [h("p", {}, text), h("div", { class: "actions end" }, no, yes)] });
  await opened.closed;
  return agreed;
}

let serial = 0;
