// Large files go in parts: what broke off goes on with the parts that are missing, also after the page was closed.

import { ApiError } from "../api.js";

/** Larger files than this go in parts. */
export const WHOLE_BYTES_MAX = 32 * 1024 * 1024;
const PART_BYTES_MIN = 16 * 1024 * 1024;
const MIB = 1024 * 1024;
const PARTS_MAX = 10_000;
const PAGE = 200;
const TRIES_MAX = 6;
const WAIT_MS = 1000;
const WAIT_MS_MAX = 15_000;

/** How large the parts of a file are: as small as is allowed, in whole MiB. Pure. */
export const partBytes = (size) => Math.max(PART_BYTES_MIN, Math.ceil(size / PARTS_MAX / MIB) * MIB);

/** The parts of a file that are not stored as they should be, by number. Pure. */
export function missingParts(size, stored) {
  const length = partBytes(size);
  const sizes = new Map(stored.map((part) => [part.number, part.size_bytes]));
  const parts = Array.from({ length: Math.ceil(size / length) }, (_, index) => ({ number: index + 1, start: index * length, end: Math.min(size, (index + 1) * length) }));
  return parts.filter(({ number, start, end }) => sizes.get(number) !== end - start);
}

/**
 * Sends a file in parts and answers the object. `memory` remembers uploads that are under way: the same file to the same
 * place goes on where it ended. Aborted by `signal`, the upload is given up.
 */
export async function sendInParts({ api, bucket, key, file, onProgress, signal, memory = uploadMemory(), wait = pause }) {
  const place = { bucket, key };
  const mark = `${bucket}/${key}`;
  const print = `${file.size}:${file.lastModified}`;
  try {
    const { upload, stored } = await begin({ api, place, file, mark, print, memory, signal });
    const missing = missingParts(file.size, stored);
    let sent = file.size - missing.reduce((sum, { start, end }) => sum + end - start, 0);
    for (const { number, start, end } of missing) {
      const progress = (part) => onProgress(sent + Math.min(part, end - start), file.size);
      await steadily(() => api.putPart(upload, number, place, file.slice(start, end), { onProgress: progress, signal }), wait, signal);
      sent += end - start;
    }
    onProgress(file.size, file.size);
    const object = await steadily(() => api.completeUpload(upload, { ...place, size_bytes: file.size }), wait, signal);
    memory.forget(mark);
    return object;
  } catch (error) {
    const known = memory.recall(mark);
    if (error.name === "AbortError" && known) {
      memory.forget(mark);
      await api.abortUpload(known.upload, place).catch(() => {});
    }
    throw error;
  }
}

/** Goes on with the upload that is remembered for this very file, or begins one. */
async function begin({ api, place, file, mark, print, memory, signal }) {
  const known = memory.recall(mark);
  if (known?.print === print) {
    const stored = await storedParts(api, known.upload, place, signal).catch((error) => {
      if (error.status === 404) return null;
      throw error;
    });
    if (stored) return { upload: known.upload, stored };
  }
  const wanted = { ...place, ...(file.type && { media_type: file.type }) };
  const begun = await api.beginUpload(wanted).catch(async (error) => {
    // A bucket is made by its first object.
    if (error.status !== 404) throw error;
    await api.createBucket({ bucket: place.bucket });
    return api.beginUpload(wanted);
  });
  memory.remember(mark, { upload: begun.upload, print });
  return { upload: begun.upload, stored: [] };
}

async function storedParts(api, upload, place, signal) {
  const parts = [];
  for (let after; ;) {
    const page = await api.uploadParts(upload, { ...place, after, limit: PAGE }, signal);
    parts.push(...page.items);
    if (page.next === null) return parts;
    after = page.next;
  }
}

/** Tries again what a lost connection or a busy node may let through the next time. */
async function steadily(act, wait, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      const passing = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503);
      if (!passing || tries === TRIES_MAX || signal?.aborted) throw error;
      await wait(Math.min(WAIT_MS * 2 ** (tries - 1), WAIT_MS_MAX));
    }
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Which uploads are under way, in the browser's storage: ids that open nothing without the session, and no content. */
function uploadMemory() {
  const name = (mark) => `casemate.upload.${mark}`;
  const quietly = (act) => {
    try {
      return act();
    } catch {
      // Without storage an upload goes on only while the page is open.
      return null;
    }
  };
  return {
    recall: (mark) => quietly(() => JSON.parse(localStorage.getItem(name(mark)))),
    remember: (mark, upload) => quietly(() => localStorage.setItem(name(mark), JSON.stringify(upload))),
    forget: (mark) => quietly(() => localStorage.removeItem(name(mark))),
  };
}
