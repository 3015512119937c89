// Short messages at the edge of the page, read out by the live region in index.html.

import { h, icon } from "./dom.js";
import { sentence } from "./format.js";

const SHOWN_MS = 6000;

/** Says that something worked. */
export const toast = (message) => show(message, "info");

/** Says that something failed; stays until it is dismissed. */
export const toastError = (error) => show(`${sentence(error.message)} ${sentence(error.hint ?? "")}`, "bad");

function show(message, kind) {
  const dismiss = h("button", { type: "button", class: "quiet round", "aria-label": "Dismiss", on: { click: () => item.remove() } }, icon("cross"));
  const item = h("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : null }, h("span", {}, message), dismiss);
  document.getElementById("toasts").append(item);
  if (kind !== "bad") setTimeout(() => item.remove(), SHOWN_MS);
}
