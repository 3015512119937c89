// Signing in: as a user, by a passkey, by the one-time link that the node prints, or with an API key.

import { commands } from "../commands.js";
import { havePasskeys, usePasskey } from "../passkey.js";
import { safeReturn } from "../router.js";
import { h } from "../ui/dom.js";
import { field, FieldError, form, textInput } from "../ui/form.js";
import { failure, loading } from "../ui/parts.js";

export const title = () => "Sign in";

/** Uses the link's token at once when there is one; the token leaves the address bar and the history first. */
export async function render({ api, query, signedIn }) {
  const target = safeReturn(query.return);
  const card = h("div", { class: "card" });
  const element = h("div", { class: "login" }, card);
  const forms = () => [userForm({ api, signedIn, target }), keyForm({ api, signedIn, target })];
  if (!query.token) {
    card.append(...forms());
    return element;
  }
  history.replaceState(null, "", "#/login");
  card.append(loading("Signing in"));
  api.signIn({ link_token: query.token }).then(
    (principal) => signedIn(principal, target),
    (error) => card.replaceChildren(failure(linkProblem(error), null), ...forms()),
  );
  return element;
}

function linkProblem(error) {
  if (error.status !== 401) return error;
  return Object.assign(error, {
    title: "This link no longer works",
    message: "A sign-in link works once and only for a short time.",
    hint: `Run \`${commands.login}\` on the node's machine for a new one, or ask an admin for one from the Keys page.`,
  });
}

function userForm({ api, signedIn, target }) {
  const name = textInput({ autocomplete: "username", autofocus: true });
  const password = h("input", { type: "password", autocomplete: "current-password" });
  const code = textInput({ autocomplete: "one-time-code" });
  const codeField = h("div", { hidden: true }, field({ label: "Code", name: "code", control: code, hint: "Of your authenticator app, or a recovery code." }));
  return h("div", {},
    h("h1", { tabindex: -1 }, "Sign in"),
    havePasskeys() && passkeyForm({ api, signedIn, target }),
    form({
      fields: [
        field({ label: "User", name: "username", control: name }),
        field({ label: "Password", name: "password", control: password }),
        codeField,
      ],
      submit: "Sign in",
      onSubmit: async () => {
        if (name.value.trim() === "") throw new FieldError("/username", "Who are you?");
        const credential = { username: name.value.trim(), password: password.value };
        if (!codeField.hidden) credential.code = code.value.trim();
        const principal = await api.signIn(credential).catch((error) => askForCode(error, codeField, code));
        for (const input of [password, code]) input.value = "";
        signedIn(principal, target);
      },
    }));
}

/** Shows the field for a code where one is wanted, and says what is wrong beside it. */
function askForCode(error, codeField, code) {
  if (!String(error.code).startsWith("second_factor_")) throw error;
  const first = codeField.hidden;
  codeField.hidden = false;
  code.value = "";
  code.focus();
  throw first ? new FieldError("/code", "Now the code of your app.") : Object.assign(error, { pointer: "/code" });
}

function passkeyForm({ api, signedIn, target }) {
  return form({
    fields: [],
    submit: "Sign in with a passkey",
    className: "form passkey",
    onSubmit: async () => signedIn(await api.signIn(await usePasskey(await api.passkeySignInOptions())), target),
  });
}

function keyForm({ api, signedIn, target }) {
  const key = h("input", { type: "password", autocomplete: "off", spellcheck: "false" });
  return h("details", {},
    h("summary", {}, "Other ways in"),
    h("p", {}, "Open the one-time link that the node printed when it started, or paste an API key."),
    form({
      fields: [field({ label: "API key", name: "api_key", control: key, hint: "It is sent once and kept nowhere in the browser; the session is a cookie that scripts cannot read." })],
      submit: "Sign in with the key",
      onSubmit: async () => {
        if (key.value.trim() === "") throw new FieldError("/api_key", "Paste an API key.");
        const principal = await api.signIn({ api_key: key.value.trim() });
        key.value = "";
        signedIn(principal, target);
      },
    }),
    h("p", { class: "hint command" }, "On the node's machine, this prints a new link: ", h("code", {}, commands.login)));
}
