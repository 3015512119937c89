// Checks a receipt's bundle: the receipt's signature, its entry in the log, and the entry's way into a signed checkpoint.

import { equal, sha256, toHex } from "./bytes.js";
import { parseBundle } from "./bundle_text.js";
import { decodeEntry } from "./entry.js";
import { proveInclusion } from "./inclusion.js";
import { leafHash } from "./merkle.js";
import { parseVerifierKey } from "./note.js";
import { decodeSignedReceipt, receiptDifferences, receiptSignedBy } from "./receipt.js";
import { createSteps, mismatch } from "./steps.js";

/** The detail of a log entry that names a receipt. */
const DETAIL = "receipt";
/** The detail that names the key of a node that has joined and signed the receipt. */
const SIGNER = "signer";

/**
 * Runs all steps and returns `{ ok, steps }`. `verifierKey` comes from elsewhere than the bundle; `task` is what the
 * page shows; `onStep` hears of each step as it ends.
 */
export async function checkBundle(text, { verifierKey, task }, onStep) {
  const run = createSteps(onStep);
  const bundle = await run.step("Read the bundle", () => read(text, verifierKey));
  await run.step("Check the signature of the receipt", async () => {
    const signer = bundle.signer ?? verifierKey;
    const key = await parseVerifierKey(signer);
    if (!(await receiptSignedBy(bundle.signed, key.publicKey))) throw new Error(`the receipt is not signed by ${key.name}`);
    return { detail: `The Ed25519 signature by ${key.name} is good.`, rows: [["verifier key", signer]] };
  });
  await run.step("Compare the receipt with this page", async () => {
    const wrong = await receiptDifferences(bundle.signed.receipt, task);
    if (wrong.length > 0) throw new Error(`the receipt says something else than this page: ${wrong.join(", ")}`);
    return { detail: "Module, inputs, outputs, outcome, limits and usage are the ones shown above.", rows: receiptRows(bundle.signed.receipt) };
  });
  await run.step("Find the receipt in its log entry", () => findInEntry(bundle));
  await proveInclusion(run, { ...bundle, verifierKey });
  return { ok: run.ok, steps: run.steps };
}

async function read(text, verifierKey) {
  const parts = parseBundle(text);
  if (parts.key !== verifierKey) throw mismatch("the bundle was signed with another key than this node's log", [["key of the bundle", parts.key], ["key of the log", verifierKey]]);
  if (!equal(parts.leaf, await leafHash(parts.entry))) throw new Error("the entry of the bundle is damaged: it does not have the hash that stands beside it");
  const value = { ...parts, signed: decodeSignedReceipt(parts.receipt), decodedEntry: decodeEntry(parts.entry) };
  return { detail: "It holds a receipt, its log entry, a proof and a checkpoint.", value };
}

async function findInEntry({ receipt, signer, signed, decodedEntry, sequence }) {
  const digest = `sha256:${toHex(await sha256(receipt))}`;
  const rows = [["digest of the receipt", digest], ["named by the entry", decodedEntry.details[DETAIL] ?? "nothing"]];
  if (decodedEntry.details[DETAIL] !== digest) throw mismatch("the log entry names another receipt", rows);
  if ((decodedEntry.details[SIGNER] ?? null) !== signer) throw new Error("the log entry names another key as that of the node that ran the task");
  if (decodedEntry.sequence !== sequence) throw new Error(`the entry is number ${decodedEntry.sequence}, the proof is for ${sequence}`);
  if (decodedEntry.decision !== "allowed" || decodedEntry.resource !== `task:${signed.receipt.task}` || decodedEntry.project !== signed.receipt.project) {
    throw new Error("the log entry is about something else than the receipt");
  }
  return { detail: `Entry ${sequence} (${decodedEntry.action} by ${decodedEntry.actor}) names exactly this receipt.`, rows };
}

const receiptRows = (receipt) => [
  ["run", receipt.run], ["worker", receipt.worker], ["engine", receipt.engine], ["started", receipt.started], ["ended", receipt.ended],
  ["module", receipt.module], ["arguments and environment", receipt.invocation], ["standard output", receipt.output],
];
