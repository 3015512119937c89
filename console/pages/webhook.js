// One webhook: what it is, what it has sent and is to send, and what can be done about it.

import { commands } from "../commands.js";
import { h } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { badge, clip, empty, facts, moment, pageHead, panel } from "../ui/parts.js";
import { showSecret } from "../ui/secret.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";
import { webhookBadge } from "./webhooks.js";

const TONES = { pending: "busy", delivered: "ok", failed: "bad" };
const OVERLAP_SECONDS = 86_400;

export const title = () => "Webhook";

export async function render({ api, events, params, signal, can, navigate }) {
  const { id } = params;
  const one = await api.webhook(id, signal);
  const may = can("webhooks:write");
  const again = () => navigate(`#/webhooks/${id}`);
  const act = (work, said, then) => async (...what) => {
    try {
      if ((await work(...what)) === false) return;
      if (said) toast(said);
      then();
    } catch (error) {
      toastError(error);
    }
  };
  const deliveries = pagedTable({
    caption: "Deliveries", signal,
    columns: columns(may && act((delivery) => api.redeliver(id, delivery.id), "It is sent again.", () => deliveries.restart())),
    load: (after) => api.deliveries(id, { after, limit: PAGE }, signal),
    none: () => empty({ title: "Nothing yet", text: "What is sent, or waits to be, is listed here.", command: commands.testWebhook(id) }),
  });
  events.on(["object", "name", "task", "webhook", "reset"], () => deliveries.reload(), signal);
  const button = (text, click, className = null) => may && h("button", { type: "button", class: className, on: { click } }, text);
  const actions = [
    button("Send a test", act(() => api.testWebhook(id), "A test event is on its way.", () => deliveries.restart()), "primary"),
    one.paused ? button("Resume", act(() => api.resumeWebhook(id), "It sends again.", again)) : button("Pause", act(() => api.pauseWebhook(id), "It sends nothing until it is resumed.", again)),
    button("New secret", act(() => rotate({ api, id }), null, () => {})),
    button("Remove", act(() => remove({ api, id, one }), "Removed the webhook.", () => navigate("#/webhooks")), "danger"),
  ];
  return h("div", {},
    pageHead("Webhook", { lead: one.description || null, actions, trail: [["Webhooks", "#/webhooks"]] }),
    panel("What it is", facts([
      ["Sends to", h("span", { class: "mono wrap" }, one.url)],
      ["State", webhookBadge(one)],
      ["Events", h("span", { class: "mono wrap" }, one.events.join(" "))],
      one.paused_since && ["Paused", moment(one.paused_since)],
      one.failing_since && ["Failing since", moment(one.failing_since)],
      one.former_until && ["Former secret until", moment(one.former_until)],
      one.dropped > 0 && ["Not sent, as too much waited", String(one.dropped)],
      ["Created", moment(one.created)],
    ].filter(Boolean))),
    h("h2", { class: "below" }, "Deliveries"), deliveries.element);
}

function columns(redeliver) {
  return [
    { label: "Delivery", cell: (one) => h("span", { class: "mono", tabindex: 0, title: one.id }, one.id.slice(0, 4), "…", one.id.slice(-6)) },
    { label: "Event", cell: (one) => one.event },
    { label: "State", cell: (one) => badge(one.state, TONES[one.state]) },
    { label: "Attempts", cell: (one) => String(one.attempts) },
    { label: "Last error", class: "grow", cell: (one) => clip(one.error ?? "") },
    { label: "Next", cell: (one) => moment(one.due) },
    { label: "Created", cell: (one) => moment(one.created) },
    { label: "", cell: (one) => redeliver && h("button", { type: "button", class: "small", "aria-label": `Send ${one.id} again`, on: { click: () => redeliver(one) } }, "Send again") },
  ];
}

async function rotate({ api, id }) {
  const sure = await confirmDialog({ title: "Make a new secret?", text: "Deliveries are signed with the former one too for a day.", action: "Make it" });
  if (!sure) return false;
  const made = await api.rotateWebhook(id, OVERLAP_SECONDS);
  showSecret({ title: "The webhook's new secret", text: "This is the only time it is shown. The receiver checks deliveries with it.", secret: made.secret, noun: "secret" });
  return true;
}

async function remove({ api, id, one }) {
  const sure = await confirmDialog({ title: "Remove this webhook?", text: ["What waits for ", h("strong", { class: "wrap" }, one.url), " is not sent any more. This cannot be undone."], action: "Remove" });
  if (!sure) return false;
  await api.deleteWebhook(id);
  return true;
}
