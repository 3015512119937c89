// The steps that every proof ends with: from an entry's bytes up the tree to a checkpoint that the log's key signed.

import { equal, toHex } from "./bytes.js";
import { foldInclusion, leafHash } from "./merkle.js";
import { parseCheckpoint, parseNote, parseVerifierKey, signedBy } from "./note.js";
import { mismatch } from "./steps.js";

/** Adds the steps to `run`. `size` is the size that the proof claims; `hashes` are its siblings from the leaf up. */
export async function proveInclusion(run, { entry, sequence, size, hashes, note, verifierKey }) {
  const leaf = await run.step("Hash the entry", async () => {
    const value = await leafHash(entry);
    return { detail: `The leaf is SHA-256 over a zero byte and the ${entry.length} bytes of the entry.`, rows: [["SHA-256(00 ‖ entry)", toHex(value)]], value };
  });
  const root = await run.step("Climb the tree to its root", () => climb({ leaf, sequence, size, hashes }));
  const checkpoint = await run.step("Compare with the checkpoint", () => compare({ note, root, size }));
  await run.step("Check the signature of the checkpoint", async () => {
    const key = await parseVerifierKey(verifierKey);
    if (!(await signedBy(note, key))) throw new Error(`the checkpoint carries no signature by ${verifierKey}`);
    if (key.name !== checkpoint.origin) throw new Error("the key belongs to another log than the checkpoint's");
    return { detail: `The Ed25519 signature by ${key.name} is good.`, rows: [["verifier key", verifierKey]] };
  });
}

async function climb({ leaf, sequence, size, hashes }) {
  const { root, steps } = await foldInclusion({ index: sequence, size, leaf, hashes });
  const siblings = steps.length === 1 ? "one sibling hash" : `${steps.length} sibling hashes`;
  const rows = steps.flatMap((step, level) => [
    [`level ${level + 1}, sibling on the ${step.side}`, toHex(step.sibling)],
    [step.side === "left" ? "SHA-256(01 ‖ sibling ‖ own)" : "SHA-256(01 ‖ own ‖ sibling)", toHex(step.result)],
  ]);
  return { detail: `Entry ${sequence} and ${siblings} give the root of a tree of ${size}.`, rows, value: root };
}

function compare({ note, root, size }) {
  const checkpoint = parseCheckpoint(parseNote(note).text);
  if (checkpoint.size !== size) throw new Error(`the checkpoint is for ${checkpoint.size} entries, the proof for ${size}`);
  const rows = [["computed root", toHex(root)], ["checkpoint's root", toHex(checkpoint.root)]];
  if (!equal(checkpoint.root, root)) throw mismatch("the computed root is not the checkpoint's", rows);
  return { detail: `Both roots are equal, for ${checkpoint.size} entries of ${checkpoint.origin}.`, rows, value: checkpoint };
}
