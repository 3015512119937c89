// Checks the answer of `GET /audit/entries/{sequence}/proof` without believing any hash in it.

import { fromBase64, fromHex } from "./bytes.js";
import { decodeEntry, differences } from "./entry.js";
import { proveInclusion } from "./inclusion.js";
import { createSteps } from "./steps.js";

/**
 * Runs all steps and returns `{ ok, steps }`. `shown` is the entry that the page shows: a proof of other words would
 * be worth nothing. `onStep` hears of each step as it ends.
 */
export async function checkAuditProof(proof, shown, onStep) {
  const run = createSteps(onStep);
  const parts = await run.step("Read the entry", () => {
    const entry = fromBase64(proof.entry);
    const read = decodeEntry(entry);
    const wrong = differences(read, shown);
    if (wrong.length > 0) throw new Error(`the entry in the log says something else than this page: ${wrong.join(", ")}`);
    const value = { entry, hashes: proof.hashes.map(fromHex) };
    return { detail: "The bytes in the log say what this page says.", rows: [["previous entry", read.previous]], value };
  });
  await proveInclusion(run, { ...parts, sequence: shown.sequence, size: proof.tree_size, note: proof.checkpoint, verifierKey: proof.public_key });
  return { ok: run.ok, steps: run.steps };
}
