// Small guests, assembled here so that the journeys need no compiler.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
const text = (value) => [...leb(value.length), ...Buffer.from(value)];
const vector = (items) => [...leb(items.length), ...items.flat()];
const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes];
const body = (code) => [...leb(code.length + 2), 0, ...code, 0x0b];

const I32 = 0x7f;
const constant = (value) => [0x41, ...signed(value)];
const call = (index) => [0x10, index];
const DROP = 0x1a;

/** Copies up to 64 KiB of standard input to standard output: WASI preview 1, `fd_read` then `fd_write`. */
export function copyGuest() {
  const iovec = [0, 4, 0, 0, 0, 0, 1, 0]; // address 1024, length 65536
  const through = (fd, index) => [...constant(fd), ...constant(0), ...constant(1), ...constant(8), ...call(index), DROP];
  const keepLength = [...constant(4), ...constant(8), 0x28, 2, 0, 0x36, 2, 0]; // length of the iovec = bytes read
  return moduleOf({
    types: [[0x60, ...vector([[I32], [I32], [I32], [I32]]), ...vector([[I32]])], [0x60, 0, 0]],
    imports: ["fd_read", "fd_write"].map((name) => [...text("wasi_snapshot_preview1"), ...text(name), 0, 0]),
    startType: 1,
    code: [...through(0, 0), ...keepLength, ...through(1, 1)],
    data: [[0, ...constant(0), 0x0b, ...leb(iovec.length), ...iovec]],
  });
}

/** Runs for ever. */
export function endlessGuest() {
  return moduleOf({ types: [[0x60, 0, 0]], imports: [], startType: 0, code: [0x03, 0x40, 0x0c, 0, 0x0b], data: [] });
}

/** Writes what it is given to standard output and to standard error, and then runs for ever. */
export function talkingGuest(out, err) {
  const word = (value) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, 0];
  const texts = [Buffer.from(out), Buffer.from(err)];
  const start = 64; // behind two iovecs and the number of bytes written
  const iovecs = [...word(start), ...word(texts[0].length), ...word(start + texts[0].length), ...word(texts[1].length)];
  const write = (fd) => [...constant(fd), ...constant((fd - 1) * 8), ...constant(1), ...constant(32), ...call(0), DROP];
  const data = (at, bytes) => [0, ...constant(at), 0x0b, ...leb(bytes.length), ...bytes];
  return moduleOf({
    types: [[0x60, ...vector([[I32], [I32], [I32], [I32]]), ...vector([[I32]])], [0x60, 0, 0]],
    imports: [[...text("wasi_snapshot_preview1"), ...text("fd_write"), 0, 0]],
    startType: 1,
    code: [...write(1), ...write(2), 0x03, 0x40, 0x0c, 0, 0x0b],
    data: [data(0, iovecs), data(start, Buffer.concat(texts))],
  });
}

function moduleOf({ types, imports, startType, code, data }) {
  return Buffer.from([
    0, ...Buffer.from("asm"), 1, 0, 0, 0,
    ...section(1, vector(types)),
    ...section(2, vector(imports)),
    ...section(3, vector([[startType]])),
    ...section(5, vector([[0, 2]])),
    ...section(7, vector([[...text("memory"), 2, 0], [...text("_start"), 0, ...leb(imports.length)]])),
    ...section(10, vector([body(code)])),
    ...section(11, vector(data)),
  ]);
}

/** Signed LEB128 of a small non-negative number. */
function signed(value) {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >> 7)];
}

/** A component that answers HTTP requests, among the examples that `cargo xtask guests` builds. */
export function edgeGuest() {
  const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../../target", import.meta.url));
  return readFileSync(join(target, "guests", "edge.wasm"));
}
