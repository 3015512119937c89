// Webhooks of the project: made (the secret is shown once) and listed.

import { commands } from "../commands.js";
import { hashFor } from "../router.js";
import { h, icon } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { badge, clip, empty, moment, pageHead } from "../ui/parts.js";
import { showSecret } from "../ui/secret.js";
import { PAGE, pagedTable } from "../ui/table.js";

export const title = () => "Webhooks";

export async function render({ api, events, signal, can }) {
  const create = () => createDialog({ api, onCreated: () => list.restart() });
  const button = () => can("webhooks:write") && h("button", { type: "button", class: "primary", on: { click: create } }, icon("plus"), "Create a webhook");
  const list = pagedTable({
    caption: "Webhooks", signal, columns,
    load: (after) => api.webhooks({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No webhook", text: "A webhook sends what happens in this project to a program of yours.", action: button(), command: commands.addWebhook }),
  });
  events.on(["webhook", "reset"], () => list.reload(), signal);
  return h("div", {}, pageHead("Webhooks", { lead: "Who else hears of what happens here.", actions: [button()] }), list.element);
}

const columns = [
  { label: "Sends to", class: "grow", cell: (one) => h("a", { class: "clip", href: hashFor(["webhooks", one.id]), title: one.url }, one.url) },
  { label: "For", cell: (one) => clip(one.description) },
  { label: "Events", cell: (one) => h("span", { title: one.events.join(" "), tabindex: 0 }, one.events.length === 1 ? one.events[0] : `${one.events.length} kinds`) },
  { label: "Created", cell: (one) => moment(one.created) },
  { label: "State", cell: (one) => webhookBadge(one) },
];

/** Whether a webhook sends, in a word. */
export function webhookBadge(one) {
  if (one.paused === "asked") return badge("paused", "warn");
  if (one.paused) return badge(one.paused === "gone" ? "paused: gone" : "paused: failing", "bad");
  return one.failing_since ? badge("failing", "warn") : badge("active", "ok");
}

function createDialog({ api, onCreated }) {
  const url = textInput({ autofocus: true, inputmode: "url" });
  const description = textInput({ placeholder: "the build bot" });
  const wanted = textInput({ value: "*" });
  const opened = openDialog({
    title: "Create a webhook",
    wide: true,
    content: form({
      fields: [
        field({ label: "Sends to", name: "url", control: url, hint: "An https address that this node can reach." }),
        field({ label: "Events", name: "events", control: wanted, hint: "Names or groups with spaces between them, such as object.stored task.*; * for all there are today." }),
        field({ label: "For", name: "description", control: description, hint: "What it is for, so that you know later." }),
      ],
      submit: "Create",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        const kinds = wanted.value.split(/\s+/).filter((kind) => kind !== "");
        if (kinds.length === 0) throw new FieldError("/events", "Say what it is to be told of.");
        const created = await api.createWebhook({ url: url.value.trim(), events: kinds, description: description.value.trim() });
        opened.close();
        await opened.closed;
        onCreated();
        showSecret({ title: "The webhook's secret", text: "This is the only time it is shown. The receiver checks deliveries with it.", secret: created.secret, noun: "secret" });
      },
    }),
  });
}
