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
  L0: "Only reported: what its node says is not believed any more.",
  L1: "Signed by the node that ran it and recorded in this server's log. It proves who says so, not that the result is right.",
  L2: "Signed by the node that ran it, and run again by others with the same result.",
  L3: "Several nodes of distinct owners ran it and came to the same. Each of them signed.",
  L4: "A proof of the execution comes with it.",
};

/** What is known of a result by running it again. */
const REVIEWS = {
  refuted: "Others came to something else. The task was submitted once more.",
  void: "Nobody looked at it, but its node was caught with something else. The task was submitted once more.",
};

/** The level in its colour: what is not believed is red, what others found too is green. */
export function levelBadge(result) {
  const tone = { L0: "bad", L1: "busy", L2: "ok", L3: "ok", L4: "ok" }[result.level.slice(0, 2)] ?? "plain";
  return badge(result.level, tone);
}

function replicas(task) {
  return h("div", {}, h("h3", {}, `${task.quorum.agree} of ${task.quorum.replicas.length} replicas had to agree`),
    h("ul", { class: "plain" }, task.quorum.replicas.map((id) => h("li", {}, h("a", { class: "mono", href: hashFor(["tasks", id]) }, id)))),
    h("p", { class: "hint" }, "Each has a receipt of its own, which its page checks. The bundle has those of all that agree."));
}

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
    h("p", { class: "receipt-level" }, levelBadge(task.result), h("span", {}, LEVELS[level.slice(0, 2)] ?? "A level that this console does not know.")),
    REVIEWS[task.result.review] && h("p", { class: "hint" }, REVIEWS[task.result.review]),
    h("div", { class: "receipt-actions actions" },
      h("a", { class: "button", href: href(taskPath(task.id, "/receipt")), download: `${task.id}.receipt.txt` }, "Download the bundle"),
      can("audit:read") && h("a", { class: "button", href: hashFor(["audit", String(entry)]) }, `Audit entry ${entry}`),
      h("span", { class: "hint" }, "Offline: ", h("code", {}, commands.verify))),
    task.quorum ? replicas(task) : view,
  ], { hint: "A bundle proves itself without this node and without a network." });
}

/** The log's key comes from the node, apart from the bundle: a bundle must not vouch for its own key. */
async function checkReceipt({ api, task, signal, onStep }) {
  const [bundle, overview] = await Promise.all([api.receipt(task.id, signal), api.overview(signal)]);
  const verifierKey = overview.log.public_key;
  return { ...(await checkBundle(bundle, { verifierKey, task }, onStep)), verifierKey };
}
