// C2SP signed notes and tlog checkpoints: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint

import { concat, ed25519Verify, equal, fromBase64, fromHex, sha256, toHex, utf8 } from "./bytes.js";

const ED25519 = 1;
const SIGNATURES_MAX = 100;

/** Splits a signed note into its text (with the final newline) and its signatures. */
export function parseNote(note) {
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw new Error("the note has no signatures");
  const text = note.slice(0, split + 1);
  const block = note.slice(split + 2);
  if (!block.endsWith("\n")) throw new Error("the note does not end with a newline");
  // The em dash and the space before a signature are part of the format.
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw new Error("the note has too many signatures");
  return { text, signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
  const match = /^— ([^\s+]+) (\S+)$/u.exec(line);
  if (!match) throw new Error(`not a signature line: ${line.slice(0, 60)}`);
  const bytes = fromBase64(match[2]);
  if (bytes.length < 5) throw new Error("the signature is too short");
  return { name: match[1], keyId: bytes.slice(0, 4), signature: bytes.slice(4) };
}

/** Reads a verifier key `name+keyid+base64` and checks that its id belongs to it. Only Ed25519 is accepted. */
export async function parseVerifierKey(text) {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text);
  if (!match) throw new Error("not a verifier key (`name+id+key`)");
  const bytes = fromBase64(match[3]);
  if (bytes[0] !== ED25519 || bytes.length !== 33) throw new Error("not an Ed25519 verifier key");
  const name = match[1];
  const keyId = (await sha256(concat(utf8(`${name}\n`), bytes))).slice(0, 4);
  if (!equal(keyId, fromHex(match[2]))) throw new Error("the key id does not belong to the key");
  return { name, keyId, publicKey: bytes.slice(1) };
}

/** Tells whether the note carries a good signature by `key`. A bad signature by that key is an error, not a "no". */
export async function signedBy(note, key) {
  const parsed = parseNote(note);
  const own = parsed.signatures.filter((one) => one.name === key.name && equal(one.keyId, key.keyId));
  if (own.length === 0) return false;
  for (const one of own) {
    if (!(await ed25519Verify(key.publicKey, one.signature, utf8(parsed.text)))) {
      throw new Error(`the signature by ${key.name} (key ${toHex(key.keyId)}) does not fit the text`);
    }
  }
  return true;
}

/** Reads the text of a checkpoint: origin, size and root hash. */
export function parseCheckpoint(text) {
  const lines = text.split("\n");
  // Extension lines are refused: this log writes none, and so every byte of a checkpoint counts.
  if (lines.length !== 4 || lines.at(-1) !== "") throw new Error("the checkpoint does not have exactly three lines");
  const [origin, size, root] = lines;
  if (origin === "") throw new Error("the checkpoint names no log");
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(size)) throw new Error("the checkpoint's size is not a number");
  const hash = fromBase64(root);
  if (hash.length !== 32) throw new Error("the checkpoint's root is not a SHA-256 hash");
  return { origin, size: Number(size), root: hash };
}
