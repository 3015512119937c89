// The text of a bundle, docs/formats/bundle.md: a key, a receipt and its entry, then a C2SP tlog-proof of the entry.

import { fromBase64 } from "./bytes.js";
import { parseCheckpoint, parseNote } from "./note.js";

const HEADER = "casemate bundle v1";
const NAME_HEADER = "casemate name v1";
const PROOF_HEADER = "c2sp.org/tlog-proof@v1";
const HASHES_MAX = 64;
const CHARACTERS_MAX = 64 * 1024 * 1024;
const NAME_CHARACTERS_MAX = 256 * 1024;

/**
 * Reads a bundle into `{ key, signer, receipt, entry, leaf, sequence, size, hashes, note }`; `signer` is null unless another than
 * the log's key signed the receipt. Nothing is believed yet, but any
 * character that the writer would not have written is refused.
 */
export function parseBundle(text) {
  if (text.length > CHARACTERS_MAX) throw new Error("the bundle is too large");
  const lines = linesOf(text);
  lines.exactly(HEADER, "header");
  const key = lines.after("key ", "key");
  const signer = lines.perhapsAfter("signer ");
  const receipt = lines.bytes("receipt ", "receipt");
  return { key, signer, receipt, ...inscription(lines) };
}

/** Reads the proof of a name into `{ key, record, entry, leaf, sequence, size, hashes, note }`, as `parseBundle` does. */
export function parseNameBundle(text) {
  if (text.length > NAME_CHARACTERS_MAX) throw new Error("the bundle is too large");
  const lines = linesOf(text);
  lines.exactly(NAME_HEADER, "header");
  const key = lines.after("key ", "key");
  const record = lines.bytes("record ", "record");
  return { key, record, ...inscription(lines) };
}

/** Where the log has it: the same in all bundles. */
function inscription(lines) {
  const entry = lines.bytes("entry ", "entry");
  const leaf = lines.bytes("leaf ", "leaf");
  lines.exactly("", "frame");
  lines.exactly(PROOF_HEADER, "proof");
  const index = lines.after("index ", "proof");
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(index)) throw damaged("proof");
  const hashes = [];
  for (let line = lines.next("proof"); line !== ""; line = lines.next("proof")) {
    if (hashes.length === HASHES_MAX) throw damaged("proof");
    hashes.push(hashOf(line));
  }
  const note = lines.rest();
  const { size } = parseCheckpoint(parseNote(note).text);
  if (leaf.length !== 32) throw damaged("leaf");
  return { entry, leaf, sequence: Number(index), size, hashes, note };
}

function linesOf(text) {
  let at = 0;
  const next = (part) => {
    const end = text.indexOf("\n", at);
    if (end < 0) throw damaged(part);
    const line = text.slice(at, end);
    at = end + 1;
    return line;
  };
  const after = (keyword, part) => {
    const line = next(part);
    if (!line.startsWith(keyword)) throw damaged(part);
    return line.slice(keyword.length);
  };
  return {
    next,
    after,
    perhapsAfter: (keyword) => {
      if (!text.startsWith(keyword, at)) return null;
      return after(keyword, "signer");
    },
    exactly: (expected, part) => {
      if (next(part) !== expected) throw damaged(part);
    },
    bytes: (keyword, part) => bytesOf(after(keyword, part), part),
    rest: () => text.slice(at),
  };
}

function hashOf(line) {
  const hash = bytesOf(line, "proof");
  if (hash.length !== 32) throw damaged("proof");
  return hash;
}

function bytesOf(text, part) {
  try {
    return fromBase64(text);
  } catch {
    throw damaged(part);
  }
}

const damaged = (part) => new Error(`the ${part} of the bundle is damaged: it does not have its form`);
