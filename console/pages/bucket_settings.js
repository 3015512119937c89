// The settings of a bucket, in a dialog.

import { fill, h } from "../ui/dom.js";
import { openDialog } from "../ui/dialog.js";
import { field, form, FieldError, select, textInput } from "../ui/form.js";
import { badge } from "../ui/parts.js";
import { toast } from "../ui/toast.js";

/** Opens the settings of a bucket; `onChanged` is called when they were changed. */
export function settingsDialog({ api, bucket, onChanged }) {
  const kept = bucket.versioning !== "off";
  const versioning = select([...(kept ? [] : [["off", "Only the newest of each object"]]), ["on", "Every version of each object"], ...(kept ? [["suspended", "No new versions"]] : [])], { value: bucket.versioning });
  const rules = ruleList(bucket.lifecycle);
  const opened = openDialog({
    title: `Settings of ${bucket.bucket}`,
    wide: true,
    content: form({
      fields: [
        field({ label: "Keep", name: "versioning", control: versioning, hint: kept ? "Versions that were made stay in any case." : "Once versions are kept, that can be suspended, but not undone." }),
        rules.element,
        h("p", { class: "hint" }, "Tags and rules for other origins are set over S3."),
      ],
      submit: "Save",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        const change = { lifecycle: rules.value() };
        if (versioning.value !== bucket.versioning) change.versioning = versioning.value;
        await api.configureBucket(bucket.bucket, change);
        opened.close();
        toast("Saved the settings.");
        onChanged();
      },
    }),
  });
}

/** What a rule does, in words. */
export function ruleText({ prefix, expire_days: expire, older_versions: older, lone_marks: marks, abort_uploads_days: abort }) {
  const acts = [
    expire && `objects expire after ${expire} d`,
    older && (older.days === 0 ? `${older.keep} older versions are kept` : `older versions go after ${older.days} d${older.keep > 0 ? `, except the newest ${older.keep}` : ""}`),
    marks && "marks of deletion go when nothing is behind them",
    abort && `uploads are given up after ${abort} d`,
  ].filter(Boolean);
  return `${prefix ? `Below ${prefix}: ` : ""}${acts.join("; ")}`;
}

/** The rules of a bucket, which can be taken away and added to. */
function ruleList(given) {
  let rules = [...given];
  const list = h("ul", { class: "plain rules" });
  const inputs = {
    prefix: textInput({ class: "narrow", placeholder: "all keys", "aria-label": "Keys that begin with" }),
    expire: number("Days after which objects expire"),
    keep: number("Older versions to keep"),
    older: number("Days after which older versions go"),
    abort: number("Days after which uploads are given up"),
  };
  const add = () => {
    const rule = ruleOf(inputs, rules);
    if (!rule) return;
    rules = [...rules, rule];
    for (const input of Object.values(inputs)) input.value = "";
    draw();
  };
  const draw = () => fill(list, rules.map((rule) => h("li", {}, badge(rule.id, rule.enabled ? "busy" : "plain"), h("span", { class: "wrap" }, ruleText(rule), rule.enabled ? "" : " (not carried out)"),
    h("button", { type: "button", class: "small quiet", "aria-label": `Remove the rule ${rule.id}`, on: { click: () => { rules = rules.filter((other) => other !== rule); draw(); } } }, "Remove"))));
  draw();
  const element = h("fieldset", { class: "field", data: { pointer: "/lifecycle" } }, h("legend", {}, "What happens by time"), list,
    h("details", { class: "more-fields" }, h("summary", {}, "Add a rule"),
      h("div", { class: "grid" },
        labelled("Keys that begin with", inputs.prefix), labelled("Expire after days", inputs.expire), labelled("Keep older versions", inputs.keep),
        labelled("Older versions go after days", inputs.older), labelled("Give up uploads after days", inputs.abort)),
      h("p", {}, h("button", { type: "button", class: "small", on: { click: add } }, "Add the rule"))),
    h("p", { class: "hint" }, "Looked at once an hour. What goes by a rule is in the audit log."),
    h("p", { class: "field-error", "aria-live": "polite" }));
  const value = () => {
    if (Object.values(inputs).some((input) => input.value !== "")) {
      const rule = ruleOf(inputs, rules);
      if (!rule) throw new FieldError("/lifecycle", "Say in days or versions what the rule does, or empty its fields.");
      rules = [...rules, rule];
    }
    return rules;
  };
  return { element, value };
}

const labelled = (text, control) => h("label", { class: "field" }, h("span", { class: "label" }, text), control);
const number = (label) => h("input", { type: "number", min: 0, max: 36500, "aria-label": label });

/** The rule that the fields say; `null` if they say none. */
function ruleOf({ prefix, expire, keep, older, abort }, rules) {
  const given = (input) => (input.value === "" ? null : Number(input.value));
  const olderVersions = given(keep) === null && given(older) === null ? null : { days: given(older) ?? 0, keep: given(keep) ?? 0 };
  if (given(expire) === null && olderVersions === null && given(abort) === null) return null;
  let serial = rules.length + 1;
  while (rules.some((rule) => rule.id === `rule-${serial}`)) serial += 1;
  return { id: `rule-${serial}`, prefix: prefix.value, enabled: true, expire_days: given(expire), older_versions: olderVersions, lone_marks: olderVersions !== null, abort_uploads_days: given(abort) };
}
