// Shows a check as it runs, step by step, with every hash for whoever wants to follow it by hand.

import { fill, h, icon } from "./dom.js";
import { cryptoAvailable, toHex } from "../proof/bytes.js";
import { forgetLog, rememberLog } from "../proof/log_memory.js";
import { parseCheckpoint, parseNote, parseVerifierKey, signedBy } from "../proof/note.js";
import { sentence } from "./format.js";
import { moment } from "./parts.js";

/**
 * A check with its button. `run(onStep)` answers `{ ok, steps, verifierKey }`; `success(result)` is the sentence for
 * a good end; `latest()` answers the log's newest checkpoint note. `startNow` runs the check without a click.
 */
export function proofView({ label, run, success, latest, startNow = false }) {
  const list = h("ol", { class: "steps" });
  const verdict = h("div", { class: "verdict", role: "status" });
  const button = h("button", { type: "button", class: "primary", disabled: !cryptoAvailable(), on: { click: start } }, label);
  const element = h("div", { class: "proof" }, h("div", { class: "actions" }, button), list, verdict);
  if (!cryptoAvailable()) {
    fill(verdict, h("p", { class: "hint" }, "Browsers compute hashes only on HTTPS and loopback addresses. Use `casemate verify` with the downloaded bundle."));
  } else if (startNow) start();
  return element;

  async function start() {
    fill(list);
    fill(verdict);
    button.disabled = true;
    try {
      const result = await run((step) => list.append(stepItem(step)));
      fill(verdict, result.ok ? [passed(success(result)), await memory(result.verifierKey, latest)] : refused());
    } catch (error) {
      if (error.name !== "AbortError") fill(verdict, h("p", { class: "bad-text" }, sentence(error.message)));
    } finally {
      button.disabled = false;
    }
  }
}

const passed = (text) => h("p", { class: "ok-text" }, icon("check"), h("strong", {}, text));
const refused = () => h("p", { class: "bad-text" }, icon("cross"), h("strong", {}, "Refused. Do not rely on this record; the step above says where it breaks."));

function stepItem(step) {
  const rows = step.rows.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)));
  return h("li", { class: step.ok ? "step ok" : "step bad" },
    icon(step.ok ? "check" : "cross"),
    h("div", {},
      h("h3", {}, step.title, h("span", { class: "hidden" }, step.ok ? ": holds" : ": fails")),
      h("p", {}, sentence(step.detail)),
      rows.length > 0 && h("details", { open: !step.ok }, h("summary", {}, "Show the values"), h("dl", { class: "hashes" }, rows))));
}

const MEMORY = {
  first: "This browser meets this log's key for the first time. Compare it with the one that the node's operator told you:",
  same: "Same key and same log as this browser saw before. Key first seen",
  grown: "Same key as this browser saw before, and the log has grown since. Key first seen",
  key_changed: "The log now shows ANOTHER KEY than this browser saw before. First key seen",
  rolled_back: "The log is SHORTER than this browser saw before: it was rolled back. Key first seen",
  forked: "The log shows ANOTHER ROOT for the same size than this browser saw before. Key first seen",
};

async function memory(verifierKey, latest) {
  try {
    return await memoryLine(verifierKey, await latest());
  } catch (error) {
    return h("p", { class: "hint" }, `The log was not compared with what this browser saw before: ${sentence(error.message)}`);
  }
}

/**
 * A proof only shows what one key signed; so say whether it is the key that this browser knows. The newest checkpoint
 * is compared, not the proof's own: a proof may rightly be older than what was seen last.
 */
async function memoryLine(verifierKey, note) {
  if (!(await signedBy(note, await parseVerifierKey(verifierKey)))) return h("p", { class: "bad-text" }, "The log's newest checkpoint is signed by ANOTHER KEY than this proof.");
  const checkpoint = parseCheckpoint(parseNote(note).text);
  const told = { origin: checkpoint.origin, verifierKey, size: checkpoint.size, root: toHex(checkpoint.root) };
  const { verdict, since } = rememberLog(localStorage, told, new Date().toISOString());
  const bad = ["key_changed", "rolled_back", "forked"].includes(verdict);
  const forget = () => {
    forgetLog(localStorage, checkpoint.origin);
    fill(line, "Forgotten. The next check takes the log as new.");
  };
  const line = h("p", { class: bad ? "bad-text" : "hint" }, `${MEMORY[verdict]} `,
    verdict === "first" ? h("code", { class: "wrap" }, verifierKey) : moment(since),
    bad && [" ", h("button", { type: "button", on: { click: forget } }, "This change is meant: forget the old log")]);
  return line;
}
