// A small log for tests, written from RFC 6962 apart from the code under test.

import { createPrivateKey, createPublicKey, createHash, sign } from "node:crypto";
import { fromHex } from "../../proof/bytes.js";

const sha256 = (...parts) => new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());
const split = (count) => 2 ** Math.floor(Math.log2(count - 1));

export async function rootOf(leaves) {
  if (leaves.length === 1) return leaves[0];
  const at = split(leaves.length);
  return sha256(Buffer.from([1]), await rootOf(leaves.slice(0, at)), await rootOf(leaves.slice(at)));
}

export async function inclusionProof(index, leaves) {
  if (leaves.length === 1) return [];
  const at = split(leaves.length);
  if (index < at) return [...(await inclusionProof(index, leaves.slice(0, at))), await rootOf(leaves.slice(at))];
  return [...(await inclusionProof(index - at, leaves.slice(at))), await rootOf(leaves.slice(0, at))];
}

/** A key from 32 fixed bytes. */
export function keyOf(seedHex) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), fromHex(seedHex)]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const raw = createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-32);
  return { secret, raw: new Uint8Array(raw), sign: (bytes) => new Uint8Array(sign(null, bytes, secret)) };
}

/** A verifier key and the signer of notes by it. */
export function noteSigner(name, key) {
  const typed = Buffer.concat([Buffer.from([1]), key.raw]);
  const id = sha256(Buffer.from(`${name}\n`), typed).slice(0, 4);
  const note = (text) => `${text}\n— ${name} ${Buffer.concat([id, key.sign(Buffer.from(text))]).toString("base64")}\n`;
  return { verifierKey: `${name}+${Buffer.from(id).toString("hex")}+${typed.toString("base64")}`, note };
}

/** Canonical bytes of an entry, by docs/formats/entry.md. */
export function entryBytes(entry, previous = new Uint8Array(32)) {
  const details = Object.entries(entry.details);
  return new Uint8Array(Buffer.concat([
    Buffer.from("CMLE\u0001"), u64(entry.sequence), previous, u64(Date.parse(entry.time)), Buffer.from([entry.decision === "allowed" ? 1 : 0]),
    ...[entry.request, entry.actor, entry.project, entry.action, entry.resource, entry.outcome].map(text),
    u16(details.length), ...details.flat().map(text),
  ]));
}

/** Canonical bytes of a signed receipt, by docs/formats/receipt.md. */
export function signedReceiptBytes(receipt, key) {
  const files = (list) => [u16(list.length), ...list.flatMap(({ path, digest }) => [text(path), digestBytes(digest)])];
  const body = Buffer.concat([
    Buffer.from("CMRC\u0001"), ...[receipt.task, receipt.run, receipt.project].map(text),
    ...[receipt.module, receipt.invocation, receipt.input, receipt.output, receipt.log].map(digestBytes),
    ...files(receipt.input_files), ...files(receipt.output_files), text(receipt.outcome.kind), text(receipt.outcome.detail),
    ...Object.values(receipt.usage).map(u64), ...Object.values(receipt.limits).map(u64),
    ...[receipt.engine, receipt.profile, receipt.worker].map(text), u32(receipt.attempt), u64(Date.parse(receipt.started)), u64(Date.parse(receipt.ended)),
    Buffer.from(receipt.level),
  ]);
  return new Uint8Array(Buffer.concat([Buffer.from("CMSR\u0001"), u32(body.length), body, key.sign(body)]));
}

/** The text of a bundle, by docs/formats/bundle.md. */
export function bundleText({ key, signer = null, receipt, entry, leaf, sequence, hashes, note }) {
  const base64 = (bytes) => Buffer.from(bytes).toString("base64");
  const lines = ["casemate bundle v1", `key ${key}`, ...(signer ? [`signer ${signer}`] : []), `receipt ${base64(receipt)}`, `entry ${base64(entry)}`, `leaf ${base64(leaf)}`, "", "c2sp.org/tlog-proof@v1", `index ${sequence}`, ...hashes.map(base64), "", ""];
  return lines.join("\n") + note;
}

const big = (bytes) => (value) => Buffer.from(BigInt(value).toString(16).padStart(2 * bytes, "0"), "hex");
const [u16, u32, u64] = [big(2), big(4), big(8)];
const text = (value) => Buffer.concat([u16(Buffer.byteLength(value)), Buffer.from(value)]);
const digestBytes = (digest) => Buffer.from(digest.slice(7), "hex");
