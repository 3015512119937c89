// The names of the project, and claiming one.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { count } from "../ui/format.js";
import { badge, calmly, digestOf, empty, moment, pageHead } from "../ui/parts.js";
import { sourcePicker } from "../ui/source.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast } from "../ui/toast.js";

export const title = () => "Names";

/** What the page can list: `?view=ending` is the calendar of ends, `?view=offered` what others would hand over. */
const VIEWS = [["", "All"], ["ending", "Ending first"], ["offered", "Offered to you"]];

/** `?claim=sha256:…` opens the claim dialog for that digest, `?tag=…` lists what has the tag. */
export async function render({ api, events, signal, query, navigate, can }) {
  let prefix = query.prefix ?? "";
  const wanted = () => {
    if (query.view) return { [query.view]: true };
    return query.tag ? { tag: query.tag } : { prefix };
  };
  const claim = (digest = null) => claimDialog({ api, signal, digest, navigate });
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

function claimDialog({ api, signal, digest, navigate }) {
  const name = textInput({ placeholder: "thumbnails.acme", autofocus: true });
  const target = digestPicker({ api, signal, initial: digest });
  const opened = openDialog({
    title: "Claim a name",
    wide: true,
    content: form({
      fields: [
        field({ label: "Name", name: "name", control: name, hint: "Up to eight labels of a-z, 0-9 and inner hyphens, joined by dots." }),
        field({ label: "Points at", name: "digest", control: target.element }),
      ],
      submit: "Claim",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        if (name.value.trim() === "") throw new FieldError("/name", "Write the name.");
        const claimed = await api.claimName({ name: name.value.trim(), digest: await target.digest() });
        opened.close();
        toast(`${claimed.name} is yours.`);
        navigate(hashFor(["names", claimed.name]));
      },
    }),
  });
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
