// The form that runs a task.

import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { form } from "../ui/form.js";
import { pageHead } from "../ui/parts.js";
import { planFields } from "../ui/plan_form.js";
import { taskFields } from "../ui/task_form.js";
import { startOf } from "../ui/task_request.js";

export const title = () => "Run a task";

/** `?bucket=&key=`, `?name=` or `?digest=` choose the module; `?again=` starts from another task. */
export async function render({ api, signal, query, navigate }) {
  const start = query.again ? startOf(await api.task(query.again, signal)) : { module: moduleOf(query) };
  const program = taskFields({ api, signal, start });
  const plan = planFields({ start, profile: program.profile });
  const element = form({
    className: "form page-form",
    fields: [...program.fields, plan.element],
    submit: "Run",
    onSubmit: async () => {
      const task = await api.submitTask({ ...(await program.read()), ...plan.read() });
      navigate(hashFor(["tasks", task.id]));
    },
    onCancel: () => navigate(hashFor(["tasks"])),
  });
  return h("div", {}, pageHead("Run a task", { trail: [["Tasks", hashFor(["tasks"])]], lead: "The program sees its arguments, its environment and the inputs chosen here, and nothing else." }), element);
}

function moduleOf(query) {
  if (query.bucket && query.key) return { bucket: query.bucket, key: query.key };
  if (query.name) return { name: query.name };
  return query.digest ?? null;
}
