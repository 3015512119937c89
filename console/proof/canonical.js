// Reads the canonical encoding of entries and receipts (docs/formats): big-endian numbers, texts with a 16-bit
// length, digests of 32 bytes. Strict: what the encoder would not write is refused.

import { toHex } from "./bytes.js";

/** Control and text-reordering characters, which no canonical text may hold. */
const NOT_PLAIN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** Writes a text as canonical texts write it: characters that are not plain as `\u{…}`, backslashes doubled. */
export const escapeText = (text) =>
  text.replaceAll("\\", "\\\\").replace(new RegExp(NOT_PLAIN, "g"), (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

/** Takes bytes apart field by field. Every method names the field for its error. */
export class Reader {
  #view;
  #bytes;
  #at = 0;

  /** Checks magic (four letters) and version. */
  constructor(bytes, { noun, magic, version }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = String.fromCharCode(...bytes.slice(0, magic.length));
    if (found !== magic || bytes[magic.length] !== version) throw new Error(`these bytes are not a ${noun} of version ${version}`);
    this.#at = magic.length + 1;
  }

  raw(field, length) {
    if (this.#at + length > this.#bytes.length) throw new Error(`the bytes end within the field \`${field}\``);
    const taken = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  u8(field) {
    return this.raw(field, 1)[0];
  }

  u16(field) {
    this.raw(field, 2);
    return this.#view.getUint16(this.#at - 2);
  }

  u32(field) {
    this.raw(field, 4);
    return this.#view.getUint32(this.#at - 4);
  }

  /** Numbers past 2^53 could not be shown exactly, and no real value comes near. */
  u64(field) {
    this.raw(field, 8);
    const value = this.#view.getBigUint64(this.#at - 8);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`the field \`${field}\` is too large`);
    return Number(value);
  }

  time(field) {
    return new Date(this.u64(field)).toISOString();
  }

  digest(field) {
    return `sha256:${toHex(this.raw(field, 32))}`;
  }

  text(field) {
    const length = this.u16(field);
    const text = decode(field, this.raw(field, length));
    if (NOT_PLAIN.test(text)) throw new Error(`the field \`${field}\` holds control characters`);
    return text;
  }

  /** A list with a 16-bit count. */
  list(field, read) {
    return Array.from({ length: this.u16(field) }, () => read(this));
  }

  finish() {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new Error(`${left} bytes follow the last field`);
  }
}

function decode(field, bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`the field \`${field}\` is not UTF-8`);
  }
}
