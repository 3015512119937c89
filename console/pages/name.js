// One name: where it points, whose it is and until when, what it says in DNS, where it pointed before, and the proof of it.

import { href, namePath } from "../api.js";
import { commands } from "../commands.js";
import { checkName } from "../proof/name.js";
import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { calmly, clip, badge, copyButton, digestOf, facts, moment, pageHead, panel, region } from "../ui/parts.js";
import { proofView } from "../ui/proof_view.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { nameActions } from "./name_actions.js";
import { statusBadge } from "./names.js";

export const title = ({ name }) => name;

/** Steps that end a life of the name, or stop it: they stand out in the history. */
const HARD = ["released", "lapsed", "removed", "suspended", "revoked"];

export async function render(page) {
  const { api, events, signal, params } = page;
  let current = await api.name(params.name, signal);
  const history = pagedTable({
    caption: `History of ${params.name}`, columns: historyColumns(), signal,
    load: (after) => api.nameHistory(params.name, { after, limit: PAGE }, signal),
    none: () => h("p", { class: "hint" }, "No history."),
  });
  const actions = h("div", { class: "actions" });
  const proof = h("div");
  const show = () => {
    fill(actions, nameActions({ ...page, current, reload }));
    fill(proof, proofPanel({ api, signal, name: current }));
  };
  const now = region(async () => {
    current = await api.name(params.name, signal);
    show();
    return nameFacts(current);
  }, signal);
  const reload = () => Promise.all([now.reload(), history.reload()]);
  show();
  events.on("name", calmly(reload, 400, signal), signal);
  events.on("reset", calmly(reload, 400, signal), signal);
  return h("div", {},
    pageHead(params.name, { trail: [["Names", hashFor(["names"])]], actions }),
    panel("Now", now.element),
    panel("History", history.element, { hint: "Newest first. Every step is in the audit log too." }),
    proof);
}

function nameFacts(name) {
  const stopped = name.until ? ["until ", moment(name.until)] : [];
  return facts([
    ["Status", h("span", {}, statusBadge(name), " ", stopped)],
    ["Points at", name.digest === null ? h("span", { class: "hint" }, "Nothing, while it may not be used") : h("span", { class: "digest" }, clip(name.digest, true), copyButton(name.digest, "digest"))],
    ["Version", `${name.sequence}${name.epoch > 1 ? `, in life ${name.epoch}` : ""}`],
    ["Project", name.project],
    name.offered_to && ["Offered to", h("span", {}, name.offered_to, " until ", moment(name.decided))],
    ["Ends", moment(name.expires)],
    ["Owner's key", name.owner ? h("span", { class: "digest" }, clip(name.owner, true), copyButton(name.owner, "key")) : "None: the project alone decides"],
    name.recovery && ["Recovery key", clip(name.recovery, true)],
    name.successor && ["Comes in its place", h("span", {}, clip(name.successor, true), " from ", moment(name.decided), " on, unless it is called off")],
    name.tags.length > 0 && ["Tags", h("span", {}, name.tags.map((tag) => h("a", { class: "badge plain", href: hashFor(["names"], { tag }) }, tag)))],
    name.dns?.records.length > 0 && ["DNS", h("div", {}, h("ul", { class: "plain" }, name.dns.records.map((line) => h("li", { class: "mono wrap" }, line))), h("p", { class: "hint" }, `Answers are kept for ${name.dns.ttl} s.`))],
    ["Updated", moment(name.updated)],
    ["Claimed", moment(name.claimed)],
  ].filter(Boolean));
}

function historyColumns() {
  return [
    { label: "Version", class: "number", cell: (step) => step.sequence },
    { label: "Step", cell: (step) => badge(step.kind, HARD.includes(step.kind) ? "warn" : "plain") },
    { label: "Digest", class: "grow", cell: (step) => digestOf(step.digest) },
    { label: "DNS and tags", cell: (step) => clip([...(step.dns?.records ?? []), ...(step.tags ?? [])].join(" · ") || "–", true) },
    { label: "By", cell: (step) => clip(step.actor, true) },
    { label: "When", cell: (step) => moment(step.at) },
  ];
}

function proofPanel({ api, signal, name }) {
  const view = proofView({
    label: "Prove it here",
    latest: () => api.checkpoint(signal),
    run: (onStep) => proveName({ api, name, signal, onStep }),
    success: () => `The registry's log holds version ${name.sequence} of this name, and nobody can change it unseen.`,
  });
  return panel("Proof", [
    h("div", { class: "actions" },
      h("a", { class: "button", href: href(namePath(name.name, "/proof")), download: `${name.name}.proof` }, "Download the proof"),
      h("span", { class: "hint" }, "Offline: ", h("code", {}, commands.verifyName))),
    view,
  ], { hint: "A proof needs neither this node nor a network. It shows what was so at its time, not that nothing is newer." });
}

/** The log's key comes from the node, apart from the proof: a proof must not vouch for its own key. */
async function proveName({ api, name, signal, onStep }) {
  const [bundle, overview] = await Promise.all([api.nameProof(name.name, name.sequence, signal), api.overview(signal)]);
  const verifierKey = overview.log.public_key;
  return { ...(await checkName(bundle, { verifierKey, name }, onStep)), verifierKey };
}
