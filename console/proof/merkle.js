// Merkle tree hashing and inclusion proofs of RFC 6962 / RFC 9162. Indices stay below 2^53, so plain numbers do.

import { concat, sha256 } from "./bytes.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Hash of a leaf: SHA-256(0x00 ‖ entry). */
export const leafHash = (entry) => sha256(concat(LEAF, entry));

/** Hash of an inner node: SHA-256(0x01 ‖ left ‖ right). */
const nodeHash = (left, right) => sha256(concat(NODE, left, right));

/**
 * Folds an inclusion proof (RFC 9162, section 2.1.3.2) and returns `{ root, steps }`, where each step is
 * `{ side, sibling, result }` and `side` tells where the sibling stands. Throws when the proof has the wrong length.
 */
export async function foldInclusion({ index, size, leaf, hashes }) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new Error(`entry ${index} is not in a tree of ${size} entries`);
  }
  let position = index;
  let last = size - 1;
  let root = leaf;
  const steps = [];
  for (const sibling of hashes) {
    if (last === 0) throw new Error("the proof has more hashes than the tree has levels");
    const left = position % 2 === 1 || position === last;
    root = left ? await nodeHash(sibling, root) : await nodeHash(root, sibling);
    steps.push({ side: left ? "left" : "right", sibling, result: root });
    while (left && position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) throw new Error("the proof has fewer hashes than the tree has levels");
  return { root, steps };
}

const half = (value) => Math.floor(value / 2);
