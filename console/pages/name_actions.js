// What can be done with a name: as buttons, and the dialogs behind them.

import { hashFor } from "../router.js";
import { confirmDialog, openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { digestOf } from "../ui/parts.js";
import { toast, toastError } from "../ui/toast.js";
import { digestPicker } from "./names.js";

/** How long before its end a name may be renewed. */
const WINDOW_MS = 90 * 24 * 3600 * 1000;

/** The buttons that fit the name as it is, and who looks at it. */
export function nameActions(page) {
  const { can, current, project } = page;
  const run = can("tasks:write") && current.status === "active" && h("a", { class: "button primary", href: hashFor(["tasks", "new"], { name: current.name }) }, "Run it");
  if (!can("names:write")) return [run];
  if (current.offered_to === project) return [button("Accept", () => acceptDialog(page), "primary"), button("Decline", () => decline(page))];
  if (current.project !== project) return [run, ...power(page)];
  if (current.owner) return [run, h("span", { class: "hint" }, "A key owns it: change it with ", h("code", {}, "casemate name"), ".")];
  const ends = Date.parse(current.expires) - Date.now() < WINDOW_MS;
  const open = current.change === "offered" || current.change === "recovering";
  const active = current.status === "active";
  return [
    run,
    ends && current.status !== "revoked" && button("Renew", () => renew(page), "primary"),
    active && button("Point elsewhere", () => moveDialog(page)),
    active && button("DNS and tags", () => saysDialog(page)),
    open ? button("Call off", () => withdraw(page)) : active && button("Offer", () => offerDialog(page)),
    ...power(page),
    button("Release", () => release(page), "danger"),
  ];
}

const button = (label, click, kind = "") => h("button", { type: "button", class: kind, on: { click } }, label);

/** For who runs the node; the holder of a name above uses the command line. */
function power(page) {
  if (!page.can("node:write")) return [];
  if (page.current.status === "suspended" || page.current.status === "revoked") return [button("Resume", () => stopDialog(page, "resume", "Resume", "It may be used again."))];
  return [
    button("Suspend", () => stopDialog(page, "suspend", "Suspend", "Nobody can use it, or what is below it, until it is resumed.")),
    button("Revoke", () => stopDialog(page, "revoke", "Revoke", "Nobody can use it, and it is gone after a week unless it is resumed."), "danger"),
  ];
}

/** Does something and says so; an error of it is shown. */
async function act(page, work, done) {
  try {
    await work();
    toast(done);
    page.reload();
  } catch (error) {
    toastError(error);
  }
}

const renew = (page) => act(page, () => page.api.renewName(page.current.name), `Renewed ${page.current.name}.`);
const withdraw = (page) => act(page, () => page.api.withdrawName(page.current.name), "Called off.");
const decline = (page) => act(page, () => page.api.declineName(page.current.name), `Declined ${page.current.name}.`);

function dialog({ title, before = null, fields, submit, onSubmit }) {
  const opened = openDialog({
    title,
    wide: true,
    content: [before, form({ fields, submit, onCancel: () => opened.close(), onSubmit: async () => {
      await onSubmit();
      opened.close();
    } })],
  });
}

function moveDialog(page) {
  const { api, signal, current } = page;
  const target = digestPicker({ api, signal });
  dialog({
    title: `Point ${current.name} elsewhere`,
    before: h("p", {}, "It now points at ", digestOf(current.digest), ` (version ${current.sequence}).`),
    fields: [field({ label: "Points at", name: "digest", control: target.element })],
    submit: "Move the name",
    onSubmit: async () => {
      await update(page, { digest: await target.digest() });
      toast(`${current.name} now points at the new digest.`);
    },
  });
}

function saysDialog(page) {
  const { current } = page;
  const records = h("textarea", { rows: 6, spellcheck: "false", placeholder: "A 192.0.2.1\nTXT some words\n_http._tcp SRV 0 5 443 host.example" });
  records.value = current.dns.records.join("\n");
  const ttl = textInput({ value: String(current.dns.ttl), inputmode: "numeric" });
  const tags = textInput({ value: current.tags.join(" ") });
  dialog({
    title: `What ${current.name} says`,
    fields: [
      field({ label: "DNS records", name: "dns.records", control: records, hint: "One a line: A, AAAA, CNAME, TXT, SRV, SVCB or HTTPS, and its data." }),
      field({ label: "Seconds to keep an answer", name: "dns.ttl", control: ttl }),
      field({ label: "Tags", name: "tags", control: tags, hint: "Words that you sort names by, with spaces between them." }),
    ],
    submit: "Save",
    onSubmit: async () => {
      if (!/^[0-9]{1,5}$/.test(ttl.value)) throw new FieldError("/dns/ttl", "Write a number of seconds.");
      const words = (text, by) => text.split(by).map((word) => word.trim()).filter(Boolean);
      await update(page, { dns: { ttl: Number(ttl.value), records: words(records.value, "\n") }, tags: words(tags.value, " ") });
      toast("Saved.");
    },
  });
}

/** The version that the reader saw goes along, so that a change by somebody else meanwhile is not overwritten. */
async function update({ api, current, reload }, change) {
  try {
    await api.updateName(current.name, change, current.sequence);
  } catch (error) {
    if (error.status !== 412) throw error;
    reload();
    throw Object.assign(error, { message: "Somebody changed this name since you opened the page.", hint: "Close this, look at the new state and decide again.", pointer: "" });
  }
  reload();
}

function offerDialog(page) {
  const to = textInput({ placeholder: "another-project", autofocus: true });
  dialog({
    title: `Offer ${page.current.name}`,
    before: h("p", {}, "It goes to the project when that accepts, within 7 days. You can call it off until then."),
    fields: [field({ label: "Project", name: "to", control: to })],
    submit: "Offer",
    onSubmit: async () => {
      await page.api.offerName(page.current.name, to.value.trim());
      toast(`Offered to ${to.value.trim()}.`);
      page.reload();
    },
  });
}

function acceptDialog(page) {
  const { api, signal, current } = page;
  const target = digestPicker({ api, signal, initial: current.digest });
  dialog({
    title: `Accept ${current.name}`,
    before: h("p", {}, `${current.project} offers it. Your project must have the content that it is to mean.`),
    fields: [field({ label: "Points at", name: "digest", control: target.element })],
    submit: "Accept",
    onSubmit: async () => {
      await api.acceptName(current.name, { digest: await target.digest() });
      toast(`${current.name} is yours.`);
      page.reload();
    },
  });
}

function stopDialog(page, how, label, text) {
  const reason = textInput({ autofocus: true });
  dialog({
    title: `${label} ${page.current.name}`,
    before: h("p", {}, text),
    fields: [field({ label: "Reason", name: "reason", control: reason, hint: "For the audit log." })],
    submit: label,
    onSubmit: async () => {
      await page.api.stopName(page.current.name, how, reason.value.trim());
      toast(`${label}: done.`);
      page.reload();
    },
  });
}

async function release(page) {
  const { api, current, navigate } = page;
  const sure = await confirmDialog({
    title: "Release this name?",
    text: ["Whoever uses ", h("strong", { class: "wrap" }, current.name), " gets an error from then on. For 7 days nobody but your project may claim it."],
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
