// API keys: made (the secret is shown once), listed, given another secret, revoked; and sign-in links for another browser.

import { commands } from "../commands.js";
import { h, icon } from "../ui/dom.js";
import { confirmDialog, openDialog } from "../ui/dialog.js";
import { field, FieldError, form, select, textInput } from "../ui/form.js";
import { badge, clip, empty, moment, pageHead } from "../ui/parts.js";
import { showSecret } from "../ui/secret.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";

const LIFETIMES = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["365", "a year"], ["", "never"]];
const DAY_MS = 86_400_000;

/** How long the former secret of a key still fits: a day to tell its programs the new one. */
const OVERLAP_SECONDS = 86_400;

export const title = () => "Keys";

export async function render({ api, signal, can }) {
  const roles = new Map((await api.roles(signal)).items.map((one) => [one.role, one.scopes]));
  // An admin may do everything, so its scopes are all there are.
  const every = roles.get("admin");
  const create = () => createDialog({ api, roles, onCreated: () => list.restart() });
  const button = () => can("keys:write") && h("button", { type: "button", class: "primary", on: { click: create } }, icon("plus"), "Create a key");
  const list = pagedTable({
    caption: "API keys", signal,
    columns: columns({ every, mayChange: can("keys:write"), rotate: (key) => rotate({ api, key, done: () => list.restart() }), revoke: (key) => revoke({ api, key, done: () => list.restart() }) }),
    load: (after) => api.keys({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No API key", text: "Programs on other machines sign in with a key. On this machine the command line needs none.", action: button(), command: commands.createKey }),
  });
  const link = can("keys:write") && h("button", { type: "button", on: { click: () => linkDialog(api) } }, "Sign-in link");
  return h("div", {}, pageHead("Keys", { lead: "How programs and other browsers come in.", actions: [link, button()] }), list.element);
}

function columns({ every, mayChange, rotate, revoke }) {
  const change = (key, text, act, kind) => h("button", { type: "button", class: `small ${kind}`, "aria-label": `${text} ${key.label}`, on: { click: () => act(key) } }, text);
  return [
    { label: "Label", class: "grow", cell: (key) => [clip(key.label), bounds(key)] },
    { label: "Id", cell: (key) => h("span", { class: "mono", tabindex: 0, title: key.id }, key.id.slice(0, 4), "…", key.id.slice(-6)) },
    { label: "Role", cell: (key) => key.role },
    { label: "Scopes", cell: (key) => h("span", { title: key.scopes.join(" "), tabindex: 0 }, key.scopes.length === every.length ? "all" : `${key.scopes.length} of ${every.length}`) },
    { label: "Used", cell: (key) => key.used ? moment(key.used) : h("span", { class: "muted" }, "never") },
    { label: "Expires", cell: (key) => moment(key.expires) },
    { label: "State", cell: (key) => stateOf(key) },
    { label: "", cell: (key) => mayChange && !key.revoked && h("span", { class: "actions" }, change(key, "Rotate", rotate, ""), change(key, "Revoke", revoke, "danger")) },
  ];
}

/** Whose a key is, where it may be used and how fast, as far as it is bound. */
function bounds(key) {
  const said = [key.user && `of ${key.user}`, key.limit && `${key.limit.per_second} requests per second`, key.networks.length > 0 && `from ${key.networks.join(", ")}`].filter(Boolean);
  return said.length > 0 && h("div", { class: "hint wrap" }, said.join(" · "));
}

async function rotate({ api, key, done }) {
  const sure = await confirmDialog({ title: "Make a new secret?", text: ["The former secret of ", h("strong", { class: "wrap" }, key.label), " still fits for a day. Its secret for S3 changes at once, and sessions that it opened end."], action: "Make it" });
  if (!sure) return;
  try {
    const made = await api.rotateKey(key.id, OVERLAP_SECONDS);
    done();
    showSecret({ title: "The key's new secret", text: "This is the only time it is shown. Keep it where your secrets are.", secret: made.secret, noun: "key" });
  } catch (error) {
    toastError(error);
  }
}

function stateOf(key) {
  if (key.revoked) return badge("revoked", "bad");
  return key.expires && new Date(key.expires) < new Date() ? badge("expired", "warn") : badge("active", "ok");
}

async function revoke({ api, key, done }) {
  const sure = await confirmDialog({ title: "Revoke this key?", text: ["Every program that uses ", h("strong", { class: "wrap" }, key.label), " is refused from then on. This cannot be undone."], action: "Revoke" });
  if (!sure) return;
  try {
    await api.revokeKey(key.id);
    toast(`Revoked ${key.label}.`);
    done();
  } catch (error) {
    toastError(error);
  }
}

function createDialog({ api, roles, onCreated }) {
  const label = textInput({ placeholder: "ci", autofocus: true });
  const role = select([...roles.keys()].map((one) => [one, one]), { value: "developer" });
  const lifetime = select(LIFETIMES, { value: "90" });
  const rate = textInput({ type: "number", min: "1", max: "1000000", inputmode: "numeric" });
  const scopes = scopeBoxes(role, roles);
  const opened = openDialog({
    title: "Create a key",
    wide: true,
    content: form({
      fields: [
        field({ label: "Label", name: "label", control: label, hint: "What uses it, so that you know later what a revocation stops." }),
        h("div", { class: "grid" }, field({ label: "Role", name: "role", control: role }), field({ label: "Expires after", name: "expires", control: lifetime }),
          field({ label: "Requests per second", name: "limit", control: rate, hint: "Twice as many at once. No limit of its own if empty." })),
        scopes.element,
      ],
      submit: "Create",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        if (label.value.trim() === "") throw new FieldError("/label", "Say what will use the key.");
        const body = { label: label.value.trim(), role: role.value, scopes: scopes.value() };
        if (lifetime.value !== "") body.expires = new Date(Date.now() + Number(lifetime.value) * DAY_MS).toISOString();
        const perSecond = rate.valueAsNumber;
        if (Number.isInteger(perSecond)) body.limit = { per_second: perSecond, burst: Math.min(Math.max(2 * perSecond, 5), 1_000_000) };
        const created = await api.createKey(body);
        opened.close();
        await opened.closed;
        onCreated();
        showSecret({ title: "Your new key", text: "This is the only time it is shown. Keep it where your secrets are.", secret: created.secret, noun: "key" });
      },
    }),
  });
}

function scopeBoxes(role, roles) {
  const boxes = roles.get("admin").map((scope) => ({ scope, box: h("input", { type: "checkbox", name: scope }) }));
  const refresh = () => boxes.forEach(({ scope, box }) => {
    const reachable = roles.get(role.value).some((one) => one === scope || one.startsWith(`${scope}:`));
    box.disabled = !reachable;
    box.checked = reachable;
  });
  role.addEventListener("change", refresh);
  refresh();
  const element = h("fieldset", { class: "field", data: { pointer: "/scopes" } }, h("legend", {}, "Scopes"),
    h("div", { class: "boxes" }, boxes.map(({ scope, box }) => h("label", {}, box, h("span", { class: "mono" }, scope)))),
    h("p", { class: "field-error", "aria-live": "polite" }));
  const value = () => {
    const chosen = boxes.filter(({ box }) => box.checked).map(({ scope }) => scope);
    if (chosen.length === 0) throw new FieldError("/scopes", "A key without scopes can do nothing: choose at least one.");
    return chosen;
  };
  return { element, value };
}

async function linkDialog(api) {
  try {
    const link = await api.loginLink();
    showSecret({ title: "Sign-in link", text: ["It works once, until ", moment(link.expires), ", and signs in as you."], secret: link.url, noun: "link" });
  } catch (error) {
    toastError(error);
  }
}
