// Becoming a user by an invitation.

import { h } from "../ui/dom.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { empty } from "../ui/parts.js";

export const title = () => "Join";

/** The token leaves the address bar and the history at once; it stays in this page only. */
export async function render({ api, query, signedIn }) {
  const token = query.token;
  if (!token) return empty({ title: "No invitation", text: "Open the link of an invitation, or sign in.", action: h("a", { class: "button", href: "#/login" }, "Sign in") });
  history.replaceState(null, "", "#/join");
  const name = textInput({ autocomplete: "username", autofocus: true });
  const [password, again] = [1, 2].map(() => h("input", { type: "password", autocomplete: "new-password" }));
  return h("div", { class: "login" }, h("div", { class: "card" },
    h("h1", { tabindex: -1 }, "Join"),
    h("p", { class: "lead" }, "Choose what you sign in with. The invitation works once."),
    form({
      fields: [
        field({ label: "User", name: "username", control: name, hint: "1 to 32 of a-z, 0-9, and dots, hyphens and underscores inside." }),
        field({ label: "Password", name: "password", control: password, hint: "At least 8 characters. A few words that nobody would guess do well." }),
        field({ label: "Password, once more", name: "again", control: again }),
      ],
      submit: "Join",
      onSubmit: async () => {
        if (password.value !== again.value) throw new FieldError("/again", "The two passwords are not the same.");
        const credential = { username: name.value.trim(), password: password.value };
        await api.register({ ...credential, invitation: token });
        signedIn(await api.signIn(credential));
      },
    })));
}
