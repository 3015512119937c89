// The form that makes a schedule.

import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { field, FieldError, form, select, textInput } from "../ui/form.js";
import { pageHead } from "../ui/parts.js";
import { planFields } from "../ui/plan_form.js";
import { taskFields } from "../ui/task_form.js";

const EXAMPLES = [["0 3 * * *", "every day at 3:00"], ["*/15 * * * *", "every quarter of an hour"], ["0 8 * * 1-5", "at 8:00 from Monday to Friday"], ["30 6 1 * *", "at 6:30 on the first of each month"]];
const OVERLAPS = [["skip", "Leave it out"], ["allow", "Run it all the same"]];
const BASE = "task.";

export const title = () => "New schedule";

export async function render({ api, signal, navigate }) {
  const name = textInput({ placeholder: "nightly", autofocus: true });
  const examples = h("datalist", { id: "cron-examples" }, EXAMPLES.map(([value, text]) => h("option", { value }, text)));
  const cron = textInput({ placeholder: EXAMPLES[0][0], class: "mono", list: examples.id });
  const zones = h("datalist", { id: "zones" }, Intl.supportedValuesOf("timeZone").map((value) => h("option", { value })));
  const zone = textInput({ list: zones.id, value: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const overlap = select(OVERLAPS, { value: "skip" });
  const program = taskFields({ api, signal, start: { module: null }, base: BASE, others: false });
  const plan = planFields({ start: {}, profile: program.profile, base: BASE, scheduled: true });
  const element = form({
    className: "form page-form",
    fields: [
      field({ label: "Name", name: "name", control: name, hint: "Without spaces. No other schedule of the project has it." }),
      h("div", { class: "grid" },
        field({ label: "When", name: "cron", control: h("div", {}, cron, examples), hint: "Minute, hour, day of month, month, day of week; seconds may stand before them." }),
        field({ label: "Zone", name: "zone", control: h("div", {}, zone, zones), hint: "By the clock of which place." })),
      h("p", { class: "hint" }, "Such as ", EXAMPLES.map(([text, words], index) => [index > 0 && ", ", h("code", {}, text), ` ${words}`]), "."),
      field({ label: "While the last task is not over", name: "overlap", control: overlap }),
      h("h2", { class: "form-part" }, "What it runs"),
      ...program.fields, plan.element,
    ],
    submit: "Create",
    onSubmit: async () => {
      for (const [input, pointer, message] of [[name, "/name", "Give it a name."], [cron, "/cron", "Say when it fires."], [zone, "/zone", "Choose a zone, such as UTC."]]) {
        if (input.value.trim() === "") throw new FieldError(pointer, message);
      }
      const task = { ...(await program.read()), ...plan.read() };
      const made = await api.createSchedule({ name: name.value.trim(), cron: cron.value.trim(), zone: zone.value.trim(), overlap: overlap.value, task });
      navigate(hashFor(["schedules", made.id]));
    },
    onCancel: () => navigate(hashFor(["schedules"])),
  });
  return h("div", {}, pageHead("New schedule", { trail: [["Schedules", hashFor(["schedules"])]], lead: "Its tasks run in your name, with what you may do then. Names and objects are looked up each time." }), element);
}
