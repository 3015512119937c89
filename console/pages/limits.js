// How many requests everybody may send, and the exceptions from it.

import { commands } from "../commands.js";
import { h, icon } from "../ui/dom.js";
import { confirmDialog, openDialog } from "../ui/dialog.js";
import { field, FieldError, form, select, textInput } from "../ui/form.js";
import { badge, clip, empty, moment, pageHead, region } from "../ui/parts.js";
import { table } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";

const LIFETIMES = [["1", "an hour"], ["24", "a day"], ["168", "7 days"], ["720", "30 days"]];
const HOUR_MS = 3_600_000;

export const title = () => "Limits";

export async function render({ api, signal, can }) {
  const may = can("node:write");
  const place = region(async () => {
    const limits = await api.limits(signal);
    return h("div", {}, state(limits), tiersTable(limits.tiers),
      h("h2", { class: "below" }, "Exceptions"),
      limits.overrides.length > 0 ? overridesTable(limits.overrides, may && remove)
        : empty({ title: "No exceptions", text: "An exception allows one key, user, session or address more or less than everybody, until a time.", command: commands.setLimit }));
  }, signal);
  async function remove(set) {
    const sure = await confirmDialog({ title: "Remove the exception?", text: [h("strong", { class: "wrap" }, set.subject), ` may send what everybody may in ${set.tier} from then on.`], action: "Remove" });
    if (!sure) return;
    try {
      await api.removeLimit(set.tier, set.subject);
      toast("Removed the exception.");
      place.reload();
    } catch (error) {
      toastError(error);
    }
  }
  const set = may && h("button", { type: "button", class: "primary", on: { click: () => setDialog({ api, done: place.reload }) } }, icon("plus"), "Set an exception");
  return h("div", {}, pageHead("Limits", { lead: "How many requests each caller may send, by tier.", actions: [set] }), place.element);
}

const state = (limits) => h("p", { class: "notice" },
  limits.dry_run ? badge("dry run: nothing is refused", "warn") : badge("in force", "ok"), " ",
  limits.shared ? "Nodes count together." : "This node counts alone.");

const tiersTable = (tiers) => table({
  caption: "Limits by tier",
  columns: [
    { label: "Tier", class: "grow", cell: (tier) => tier.tier },
    { label: "Per second", class: "number", cell: (tier) => String(tier.per_second) },
    { label: "At once", class: "number", cell: (tier) => String(tier.burst) },
  ],
  rows: tiers,
});

const overridesTable = (overrides, remove) => table({
  caption: "Exceptions",
  columns: [
    { label: "For", class: "grow", cell: (set) => clip(set.subject, true) },
    { label: "Tier", cell: (set) => set.tier },
    { label: "Per second", class: "number", cell: (set) => String(set.per_second) },
    { label: "At once", class: "number", cell: (set) => String(set.burst) },
    { label: "Ends", cell: (set) => moment(set.expires) },
    { label: "", cell: (set) => remove && h("button", { type: "button", class: "small danger", "aria-label": `Remove the exception of ${set.subject} in ${set.tier}`, on: { click: () => remove(set) } }, "Remove") },
  ],
  rows: overrides,
});

function setDialog({ api, done }) {
  const number = (value) => textInput({ type: "number", min: "1", max: "1000000", inputmode: "numeric", value });
  const subject = textInput({ placeholder: "203.0.113.7", autofocus: true });
  const tier = select(["auth", "names", "tasks", "objects", "s3", "general"].map((one) => [one, one]), { value: "objects" });
  const [rate, burst] = [number("10"), number("20")];
  const lifetime = select(LIFETIMES, { value: "24" });
  const opened = openDialog({
    title: "Set an exception",
    content: form({
      fields: [
        field({ label: "For", name: "subject", control: subject, hint: "An address, or key:…, session:… or user:… as the audit log spells it." }),
        h("div", { class: "grid" }, field({ label: "Tier", name: "tier", control: tier }), field({ label: "Ends after", name: "expires", control: lifetime }),
          field({ label: "Requests per second", name: "per_second", control: rate }), field({ label: "Requests at once", name: "burst", control: burst })),
      ],
      submit: "Set",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        if (subject.value.trim() === "") throw new FieldError("/subject", "Say for whom.");
        const expires = new Date(Date.now() + Number(lifetime.value) * HOUR_MS).toISOString();
        await api.setLimit(tier.value, subject.value.trim(), { per_second: rate.valueAsNumber, burst: burst.valueAsNumber, expires });
        opened.close();
        toast("Set the exception; it is in force within a second.");
        done();
      },
    }),
  });
}
