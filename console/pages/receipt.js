// The receipt of a run: its level, its bundle, and the check of it in this browser.

import { href, taskPath } from "../api.js";
import { commands } from "../commands.js";
import { checkBundle } from "../proof/bundle.js";
import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { badge, panel } from "../ui/parts.js";
import { proofView } from "../ui/proof_view.js";

/** What each level means, so that a signature is never taken for more than it is. */
const LEVELS = {
  L0: "Only reported by the worker: nobody signed it.",
  L1: "Signed by this node and recorded in its log. It proves who says so, not that the result is right.",
  L2: "The run was executed again and gave the same result.",
  L3: "Several nodes ran it and agreed.",
  L4: "A proof of the execution comes with it.",
};

/** The panel under a finished task. */
export function receiptPanel({ api, task, signal, can }) {
  const { level, entry } = task.result;
  const view = proofView({
    label: "Check it here",
    latest: () => api.checkpoint(signal),
    run: (onStep) => checkReceipt({ api, task, signal, onStep }),
    success: () => `This receipt holds at level ${level}.`,
  });
  return panel("Receipt", [
    h("p", { class: "receipt-level" }, badge(level, "busy"), h("span", {}, LEVELS[level.slice(0, 2)] ?? "A level that this console does not know.")),
    h("div", { class: "receipt-actions actions" },
      h("a", { class: "button", href: href(taskPath(task.id, "/receipt")), download: `${task.id}.receipt.txt` }, "Download the bundle"),
      can("audit:read") && h("a", { class: "button", href: hashFor(["audit", String(entry)]) }, `Audit entry ${entry}`),
      h("span", { class: "hint" }, "Offline: ", h("code", {}, commands.verify))),
    view,
  ], { hint: "A bundle proves itself without this node and without a network." });
}

/** The log's key comes from the node, apart from the bundle: a bundle must not vouch for its own key. */
async function checkReceipt({ api, task, signal, onStep }) {
  const [bundle, overview] = await Promise.all([api.receipt(task.id, signal), api.overview(signal)]);
  const verifierKey = overview.log.public_key;
  return { ...(await checkBundle(bundle, { verifierKey, task }, onStep)), verifierKey };
}
