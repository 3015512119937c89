// One name: where it points, where it pointed before, and moving or releasing it.

import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { confirmDialog, openDialog } from "../ui/dialog.js";
import { field, form } from "../ui/form.js";
import { badge, calmly, clip, copyButton, digestOf, facts, moment, pageHead, panel, region } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";
import { digestPicker } from "./names.js";

export const title = ({ name }) => name;

export async function render(page) {
  const { api, events, signal, params, can } = page;
  let current = await api.name(params.name, signal);
  const history = pagedTable({
    caption: `History of ${params.name}`, columns: historyColumns(), signal,
    load: (after) => api.nameHistory(params.name, { after, limit: PAGE }, signal),
    none: () => h("p", { class: "hint" }, "No history."),
  });
  const actions = h("div", { class: "actions" });
  const now = region(async () => {
    current = await api.name(params.name, signal);
    return nameFacts(current);
  }, signal);
  const reload = () => Promise.all([now.reload(), history.reload()]);
  fill(actions,
    can("tasks:write") && h("a", { class: "button primary", href: hashFor(["tasks", "new"], { name: params.name }) }, "Run it"),
    can("names:write") && h("button", { type: "button", on: { click: () => moveDialog({ ...page, current, reload }) } }, "Point elsewhere"),
    can("names:write") && h("button", { type: "button", class: "danger", on: { click: () => release(page, current) } }, "Release"));
  events.on("name", calmly(reload, 400, signal), signal);
  events.on("reset", calmly(reload, 400, signal), signal);
  return h("div", {},
    pageHead(params.name, { trail: [["Names", hashFor(["names"])]], actions }),
    panel("Now", now.element),
    panel("History", history.element, { hint: "Newest first. Every step is in the audit log too." }));
}

function nameFacts(name) {
  return facts([
    ["Points at", h("span", { class: "digest" }, clip(name.digest, true), copyButton(name.digest, "digest"))],
    ["Version", name.sequence],
    ["Project", name.project],
    ["Updated", moment(name.updated)],
    ["Claimed", moment(name.claimed)],
  ]);
}

function historyColumns() {
  return [
    { label: "Version", class: "number", cell: (step) => step.sequence },
    { label: "Step", cell: (step) => badge(step.kind, step.kind === "released" ? "warn" : "plain") },
    { label: "Digest", class: "grow", cell: (step) => digestOf(step.digest) },
    { label: "By", cell: (step) => clip(step.actor, true) },
    { label: "When", cell: (step) => moment(step.at) },
  ];
}

function moveDialog({ api, signal, current, reload }) {
  const target = digestPicker({ api, signal });
  const opened = openDialog({
    title: `Point ${current.name} elsewhere`,
    wide: true,
    content: [
      h("p", {}, "It now points at ", digestOf(current.digest), ` (version ${current.sequence}).`),
      form({
        fields: [field({ label: "Points at", name: "digest", control: target.element })],
        submit: "Move the name",
        onCancel: () => opened.close(),
        onSubmit: async () => {
          await move({ api, current, digest: await target.digest(), reload });
          opened.close();
          toast(`${current.name} now points at the new digest.`);
          reload();
        },
      }),
    ],
  });
}

/** The version that the reader saw goes along, so that a change by somebody else meanwhile is not overwritten. */
async function move({ api, current, digest, reload }) {
  try {
    await api.updateName(current.name, digest, current.sequence);
  } catch (error) {
    if (error.status !== 412) throw error;
    reload();
    throw Object.assign(error, { message: "Somebody moved this name since you opened the page.", hint: "Close this, look at the new state and decide again.", pointer: "" });
  }
}

async function release({ api, navigate }, current) {
  const sure = await confirmDialog({
    title: "Release this name?",
    text: ["Whoever uses ", h("strong", { class: "wrap" }, current.name), " gets an error from then on, and anybody in the project may claim it."],
    action: "Release",
  });
  if (!sure) return;
  try {
    await api.releaseName(current.name);
    toast(`Released ${current.name}.`);
    navigate(hashFor(["names"]));
  } catch (error) {
    toastError(error);
  }
}
