// Uploading files with progress: hashed here first where that is possible, so that the node can refuse other bytes.

import { h, icon } from "./dom.js";
import { bytes, sentence } from "./format.js";
import { cryptoAvailable, sha256, toHex } from "../proof/bytes.js";
import { textInput } from "./form.js";
import { sendInParts, WHOLE_BYTES_MAX } from "./upload_parts.js";

/** Larger files would have to be held in memory to be hashed; the node's own digest is shown for them. */
const HASHED_BYTES_MAX = 256 * 1024 * 1024;

/** A place to drop or choose files. `onStored(object)` is called for each that the node acknowledged. */
export function dropZone({ api, bucket, folder: start = "", onStored }) {
  const picker = h("input", { type: "file", multiple: true, class: "hidden", id: `files-${(serial += 1)}`, "aria-label": "Choose files to upload" });
  const folder = textInput({ class: "narrow", placeholder: "optional/prefix/", "aria-label": "Put them under", value: start });
  const jobs = h("ul", { class: "uploads", "aria-label": "Uploads" });
  const queue = queueOf((file) => uploadOne({ api, bucket, key: folder.value + file.name, file, jobs, onStored }));
  const zone = h("div", { class: "drop" },
    h("div", { class: "drop-text" }, h("label", { class: "button primary", for: picker.id }, icon("plus"), "Upload files"), h("span", { class: "muted" }, "or drop them here, under"), folder),
    picker, jobs);
  picker.addEventListener("change", () => {
    [...picker.files].forEach(queue);
    picker.value = "";
  });
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => hover(event, zone, true));
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, (event) => hover(event, zone, false));
  zone.addEventListener("drop", (event) => [...event.dataTransfer.files].forEach(queue));
  return zone;
}

function hover(event, zone, over) {
  event.preventDefault();
  zone.classList.toggle("over", over);
}

/** One file at a time: the disk on the other side is one as well. */
function queueOf(work) {
  let last = Promise.resolve();
  return (file) => {
    last = last.then(() => work(file));
  };
}

async function uploadOne({ api, bucket, key, file, jobs, onStored }) {
  const controller = new AbortController();
  const bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${key}` });
  const note = h("span", { class: "upload-note" }, "hashing…");
  const cancel = h("button", { type: "button", class: "quiet round", "aria-label": `Cancel the upload of ${key}`, on: { click: () => controller.abort() } }, icon("cross"));
  const item = h("li", {}, h("span", { class: "clip", title: key }, key), bar, note, cancel);
  jobs.prepend(item);
  try {
    const digest = await digestOfFile(file);
    const onProgress = (sent, total) => {
      bar.value = total === 0 ? 1 : sent / total;
      note.textContent = sent === total ? "storing…" : `${bytes(sent)} of ${bytes(total)}`;
    };
    const object = await send({ api, bucket, key, file, digest, onProgress, signal: controller.signal });
    bar.value = 1;
    item.classList.add("done");
    note.textContent = `stored, ${object.digest}`;
    note.title = object.digest;
    onStored(object);
  } catch (error) {
    item.classList.add("failed");
    const goesOn = file.size > WHOLE_BYTES_MAX ? " Choose the file again to go on where it ended." : "";
    note.textContent = error.name === "AbortError" ? "cancelled; nothing was stored" : `${sentence(error.message)}${goesOn}`;
  } finally {
    cancel.setAttribute("aria-label", `Take ${key} off the list`);
    cancel.addEventListener("click", () => item.remove());
  }
}

/** Large files go in parts; if what came of them is not what was hashed here, that is said. */
async function send({ api, bucket, key, file, digest, onProgress, signal }) {
  if (file.size <= WHOLE_BYTES_MAX) return api.putObject(bucket, key, file, { digest, onProgress, signal });
  const object = await sendInParts({ api, bucket, key, file, onProgress, signal });
  if (digest && object.digest !== digest) throw new Error("The file changed while it was sent: what is stored is not what was hashed here. Send it again.");
  return object;
}

async function digestOfFile(file) {
  if (!cryptoAvailable() || file.size > HASHED_BYTES_MAX) return null;
  return `sha256:${toHex(await sha256(await file.arrayBuffer()))}`;
}

let serial = 0;
