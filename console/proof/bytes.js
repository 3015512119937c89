// Bytes as text and back, strictly, and the one hash that everything here is built from.

/** Reads lower-case hex; throws on anything else. */
export function fromHex(text) {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new Error("not lower-case hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Writes lower-case hex. */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads padded standard base64; throws on any other spelling, so that one value has one text. */
export function fromBase64(text) {
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new Error("not canonical base64");
  return bytes;
}

/** Writes padded standard base64. */
export function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** UTF-8 of a text. */
export const utf8 = (text) => new TextEncoder().encode(text);

/** Joins byte arrays. */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Compares two byte arrays. Nothing compared here is secret. */
export function equal(left, right) {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** SHA-256 of bytes. */
export async function sha256(bytes) {
  return new Uint8Array(await subtle().digest("SHA-256", bytes));
}

/** Whether this page may use WebCrypto. Browsers give it to HTTPS and to loopback addresses only. */
export const cryptoAvailable = () => globalThis.crypto?.subtle !== undefined;

/** Verifies one Ed25519 signature. */
export async function ed25519Verify(publicKey, signature, message) {
  const key = await subtle().importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  return subtle().verify({ name: "Ed25519" }, key, signature, message);
}

function subtle() {
  if (!cryptoAvailable()) throw new Error("this page has no WebCrypto: open the console over HTTPS or on a loopback address");
  return globalThis.crypto.subtle;
}
