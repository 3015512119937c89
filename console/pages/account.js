// One's own password, second factors and sessions.

import { h } from "../ui/dom.js";
import { field, FieldError, form } from "../ui/form.js";
import { badge, clip, empty, moment, pageHead } from "../ui/parts.js";
import { PAGE, pagedTable } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";
import { factorsSection } from "./factors.js";

export const title = () => "Account";

export async function render({ api, signal, refreshed, user }) {
  if (user === null) {
    return h("div", {}, pageHead("Account"),
      empty({ title: "No account", text: "This session was opened by a link or a key, and is of no user. Who signs in with a name and a password has sessions, second factors and a password here." }));
  }
  const list = pagedTable({
    caption: "Your sessions", signal,
    columns: columns({ end: (session) => end({ api, session, done: () => list.restart() }) }),
    load: (after) => api.sessions({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No sessions", text: "You are signed in some other way than as a user." }),
  });
  return h("div", {},
    pageHead("Account", { lead: "Where you are signed in, and what with." }),
    h("h2", { class: "below" }, "Sessions"), list.element,
    h("h2", { class: "below" }, "Second factors"), factorsSection({ api, signal, changed: () => { list.restart(); refreshed(); } }),
    h("h2", { class: "below" }, "Password"), h("div", { class: "narrow" }, passwordForm({ api, done: () => list.restart() })));
}

function columns({ end }) {
  return [
    { label: "Client", class: "grow", cell: (session) => clip(session.client || "unknown") },
    { label: "Project", cell: (session) => session.project },
    { label: "Opened", cell: (session) => moment(session.created) },
    { label: "Ends", cell: (session) => moment(session.expires) },
    { label: "", cell: (session) => session.current ? badge("this one", "ok") : h("button", { type: "button", class: "small danger", "aria-label": `End the session of ${session.client}`, on: { click: () => end(session) } }, "End") },
  ];
}

async function end({ api, session, done }) {
  try {
    await api.endSession(session.id);
    toast("Ended the session.");
    done();
  } catch (error) {
    toastError(error);
  }
}

function passwordForm({ api, done }) {
  const former = h("input", { type: "password", autocomplete: "current-password" });
  const [password, again] = [1, 2].map(() => h("input", { type: "password", autocomplete: "new-password" }));
  return form({
    fields: [
      field({ label: "Former password", name: "former", control: former }),
      field({ label: "New password", name: "new", control: password, hint: "At least 8 characters. Your other sessions end." }),
      field({ label: "New password, once more", name: "again", control: again }),
    ],
    submit: "Change it",
    onSubmit: async () => {
      if (password.value !== again.value) throw new FieldError("/again", "The two passwords are not the same.");
      await api.changePassword({ former: former.value, new: password.value });
      for (const input of [former, password, again]) input.value = "";
      toast("Changed your password.");
      done();
    },
  });
}
