// The names of the project, and claiming one.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { cryptoAvailable, sha256, toHex, utf8 } from "../proof/bytes.js";
import { fill, h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { count, plural } from "../ui/format.js";
import { badge, calmly, digestOf, empty, moment, pageHead } from "../ui/parts.js";
import { sourcePicker } from "../ui/source.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast } from "../ui/toast.js";

export const title = () => "Names";

/** What the page can list: `?view=ending` is the calendar of ends, `?view=offered` what others would hand over. */
const VIEWS = [["", "All"], ["ending", "Ending first"], ["offered", "Offered to you"]];

/** `?claim=sha256:…` opens the claim dialog for that digest, `?tag=…` lists what has the tag. */
export async function render({ api, events, signal, query, navigate, can, project }) {
  let prefix = query.prefix ?? "";
  const wanted = () => {
    if (query.view) return { [query.view]: true };
    return query.tag ? { tag: query.tag } : { prefix };
  };
  const claim = (digest = null) => claimDialog({ api, signal, digest, navigate, project });
  const button = () => can("names:write") && h("button", { type: "button", class: "primary", on: { click: () => claim() } }, icon("plus"), "Claim a name");
  const list = pagedTable({
    caption: "Names", columns: columns(), signal,
    load: (after) => api.names({ ...wanted(), after, limit: PAGE }, signal),
    none: () => nothing({ ...query, prefix }, button()),
  });
  const filter = textInput({ type: "search", placeholder: "Names that begin with…", "aria-label": "Show names that begin with", value: prefix, "data-filter": true });
  filter.addEventListener("input", calmly(() => {
    prefix = filter.value.trim();
    history.replaceState(null, "", hashFor(["names"], { prefix }));
    list.restart();
  }, 250, signal));
  events.on(["name", "reset"], calmly(list.reload, 400, signal), signal);
  if (query.claim) {
    history.replaceState(null, "", hashFor(["names"]));
    queueMicrotask(() => claim(query.claim));
  }
  const tabs = h("nav", { class: "tabs", "aria-label": "Views of names" }, VIEWS.map(([view, label]) =>
    h("a", { href: hashFor(["names"], view ? { view } : {}), "aria-current": (query.view ?? "") === view && !query.tag ? "page" : null }, label)));
  const tagged = query.tag && h("p", {}, "With the tag ", h("span", { class: "badge plain" }, query.tag), " ", h("a", { href: hashFor(["names"]) }, "Show all"));
  const filters = query.view || query.tag ? false : filter;
  return h("div", {}, pageHead("Names", { lead: "A name means one exact version, and says who moved it when.", actions: [filters, button()] }), tabs, tagged, list.element);
}

function nothing({ prefix, view, tag }, button) {
  if (view === "offered") return empty({ title: "Nothing is offered to you", text: "When another project offers a name to this one, you accept it here." });
  if (tag) return empty({ title: "No name has that tag", text: "Names get tags on their pages, or with `casemate name set`." });
  if (prefix) return empty({ title: "No name begins with that", text: "Clear the filter to see all names." });
  return empty({ title: "No name yet", text: "Claim one for a digest; whoever runs the name then runs exactly that version.", action: button, command: commands.claim });
}

const TONES = { active: "ok", grace: "warn", suspended: "bad", suspended_above: "bad", revoked: "bad", ended: "plain" };
const STATUSES = { active: "active", grace: "ended, can be renewed", suspended: "suspended", suspended_above: "below a suspended name", revoked: "revoked", ended: "nobody's" };

/** Whether a name may be used, in its colour. */
export const statusBadge = (name) => badge(STATUSES[name.status] ?? name.status, TONES[name.status] ?? "plain");

function columns() {
  return [
    { label: "Name", class: "grow", cell: (name) => h("a", { href: hashFor(["names", name.name]), class: "clip", title: name.name }, name.name) },
    { label: "Points at", cell: (name) => digestOf(name.digest) },
    { label: "Status", cell: statusBadge },
    { label: "Version", class: "number", cell: (name) => count(name.sequence) },
    { label: "Updated", cell: (name) => moment(name.updated) },
    { label: "Ends", cell: (name) => moment(name.expires) },
  ];
}

function claimDialog({ api, signal, digest, navigate, project }) {
  const name = textInput({ placeholder: "thumbnails.acme", autofocus: true });
  const target = digestPicker({ api, signal, initial: digest });
  const early = h("input", { type: "checkbox", disabled: !cryptoAvailable() });
  const progress = h("p", { class: "hint", role: "status" });
  const closed = new AbortController();
  const opened = openDialog({
    title: "Claim a name",
    wide: true,
    content: form({
      fields: [
        field({ label: "Name", name: "name", control: name, hint: "Up to eight labels of a-z, 0-9 and inner hyphens, joined by dots." }),
        field({ label: "Points at", name: "digest", control: target.element }),
        field({ label: "Commit first", name: "nonce", control: early, hint: "Ten seconds before the name is seen it is said that one will be claimed, so that nobody who sees it can be faster." }),
        progress,
      ],
      submit: "Claim",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        if (name.value.trim() === "") throw new FieldError("/name", "Write the name.");
        const claim = { name: name.value.trim(), digest: await target.digest() };
        if (early.checked) claim.nonce = await committed({ api, project, name: claim.name, progress, signal: closed.signal });
        if (closed.signal.aborted) return;
        const claimed = await api.claimName(claim);
        opened.close();
        toast(`${claimed.name} is yours.`);
        navigate(hashFor(["names", claimed.name]));
      },
    }),
  });
  opened.closed.then(() => closed.abort());
}

/** Commits to a claim and waits until that can be revealed. Returns the nonce that reveals it. */
async function committed({ api, project, name, progress, signal }) {
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(32)));
  const lines = ["casemate name commitment v1", project, name, nonce].map((line) => `${line}\n`).join("");
  const { made, from } = await api.commitName(`sha256:${toHex(await sha256(utf8(lines)))}`);
  // By the clock of the node alone: the browser's may be wrong.
  let seconds = Math.ceil((Date.parse(from) - Date.parse(made)) / 1000);
  for (; seconds >= 0 && !signal.aborted; seconds -= 1) {
    fill(progress, `Committed. The name is claimed in ${plural(seconds, "second")}.`);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
  fill(progress);
  return nonce;
}

/** A picker for a digest, given as such or as the object that has it. */
export function digestPicker({ api, signal, initial = null }) {
  const picker = sourcePicker({ api, signal, kinds: ["object", "digest"], label: "Points at", pointer: "/digest", initial });
  const digest = async () => {
    const source = picker.value();
    return typeof source === "string" ? source : (await api.object(source.bucket, source.key)).digest;
  };
  return { element: picker.element, digest };
}
