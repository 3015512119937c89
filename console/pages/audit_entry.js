// One audit entry and its proof, checked here, step by step.

import { checkAuditProof } from "../proof/audit_proof.js";
import { ApiError } from "../api.js";
import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { badge, clip, digestOf, facts, moment, pageHead, panel } from "../ui/parts.js";
import { proofView } from "../ui/proof_view.js";
import { isDenied } from "./audit.js";

export const title = ({ sequence }) => `Audit entry ${sequence}`;

export async function render({ api, signal, params }) {
  const sequence = Number(params.sequence);
  const page = await api.auditEntries({ from: sequence, limit: 1 }, signal);
  const entry = page.items.find((one) => one.sequence === sequence);
  if (!entry) throw new ApiError({ status: 404, code: "not_found", title: "No such entry", detail: `The log has no entry ${params.sequence} yet.`, hint: "Go back to the list for the newest." });
  return h("div", {},
    pageHead(`Entry ${count(sequence)}`, { trail: [["Audit", hashFor(["audit"])]], actions: neighbours(sequence), lead: [badge(entry.decision, isDenied(entry) ? "bad" : "ok"), " ", h("span", { class: "mono" }, entry.action)] }),
    panel("What is recorded", entryFacts(entry)),
    panel("Proof", proofView({
      label: "Check the proof here",
      latest: () => api.checkpoint(signal),
      run: (onStep) => checkEntry(api, entry, onStep, signal),
      success: ({ proof }) => `Entry ${sequence} is in the log of ${count(proof.tree_size)} entries that this key signed.`,
    }), { hint: "Your browser computes every hash itself and believes none of the node's." }));
}

async function checkEntry(api, entry, onStep, signal) {
  const proof = await api.auditProof(entry.sequence, signal);
  if (proof.sequence !== entry.sequence) throw new Error("The node sent the proof of another entry.");
  return { ...(await checkAuditProof(proof, entry, onStep)), proof, verifierKey: proof.public_key };
}

function neighbours(sequence) {
  return [
    sequence > 0 && h("a", { class: "button", href: hashFor(["audit", String(sequence - 1)]) }, "Older"),
    h("a", { class: "button", href: hashFor(["audit", String(sequence + 1)]) }, "Newer"),
  ];
}

function entryFacts(entry) {
  const details = Object.entries(entry.details ?? {}).map(([key, value]) => [key, clip(typeof value === "string" ? value : JSON.stringify(value), true)]);
  return facts([
    ["When", moment(entry.time)],
    ["Who", clip(entry.actor, true)],
    ["Project", entry.project],
    ["Action", h("span", { class: "mono" }, entry.action)],
    ["Resource", clip(entry.resource, true)],
    ["Outcome", entry.outcome || null],
    ["Request", clip(entry.request, true)],
    ...details,
    ["Digest of the entry", digestOf(entry.digest)],
  ]);
}
