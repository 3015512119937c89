// One's own second factors, on the Account page: an authenticator app with recovery codes, and passkeys.

import { havePasskeys, makePasskey } from "../passkey.js";
import { openDialog } from "../ui/dialog.js";
import { fill, h, svg } from "../ui/dom.js";
import { field, form, textInput } from "../ui/form.js";
import { badge, failure, moment } from "../ui/parts.js";
import { toast } from "../ui/toast.js";

/** The section, which draws itself anew after each change. `changed` is called for what is drawn elsewhere. */
export function factorsSection({ api, signal, changed }) {
  const element = h("div", {});
  const draw = async () => {
    try {
      const factors = await api.factors(signal);
      fill(element, contents({ api, factors, done: () => { draw(); changed(); } }));
    } catch (error) {
      if (error.name !== "AbortError") fill(element, failure(error, draw));
    }
  };
  draw();
  return element;
}

function contents({ api, factors, done }) {
  return [
    factors.required && h("p", { class: "notice", role: "status" }, "This node wants two factors of you. Set up an authenticator app or a passkey; until then nothing else is open to you."),
    app({ api, factors, done }),
    passkeys({ api, factors, done }),
  ];
}

function app({ api, factors, done }) {
  const remove = h("button", { type: "button", class: "small danger", on: { click: () => removeApp({ api, done }) } }, "Remove the app");
  const add = h("button", { type: "button", on: { click: () => addApp({ api, done }) } }, "Set up an app");
  const state = factors.app_since
    ? h("p", {}, badge("on", "ok"), " Codes of an app are asked for beside the password, since ", moment(factors.app_since), `. ${factors.recovery_codes_left} recovery codes are left. `, remove)
    : h("p", {}, "An app on your phone shows a code every 30 seconds, which is asked for beside the password. ", add);
  return h("div", {}, h("h3", {}, "Authenticator app"), state);
}

function passkeys({ api, factors, done }) {
  const possible = factors.passkeys_possible && havePasskeys();
  const add = possible
    ? h("button", { type: "button", on: { click: () => addPasskey({ api, done }) } }, "Add a passkey")
    : h("span", { class: "hint" }, "None can be added at this address: the operator says at which one (console_url), and it needs TLS or localhost.");
  const list = factors.passkeys.map((passkey) => h("li", {},
    h("strong", {}, passkey.label), " added ", moment(passkey.created), passkey.used ? [", used ", moment(passkey.used)] : ", never used", " ",
    h("button", { type: "button", class: "small", "aria-label": `Rename the passkey ${passkey.label}`, on: { click: () => renamePasskey({ api, passkey, done }) } }, "Rename"), " ",
    h("button", { type: "button", class: "small danger", "aria-label": `Remove the passkey ${passkey.label}`, on: { click: () => removePasskey({ api, passkey, done }) } }, "Remove")));
  return h("div", {}, h("h3", {}, "Passkeys"),
    h("p", {}, "A passkey of your device or a security key signs you in by itself. ", add),
    list.length > 0 && h("ul", {}, list));
}

const passwordInput = () => h("input", { type: "password", autocomplete: "current-password", autofocus: true });
const codeInput = () => textInput({ autocomplete: "one-time-code" });

function addApp({ api, done }) {
  const password = passwordInput();
  const dialog = openDialog({
    title: "Set up an authenticator app",
    content: form({
      fields: [field({ label: "Your password", name: "password", control: password })],
      submit: "Go on",
      onSubmit: async () => {
        const app = await api.beginApp({ password: password.value });
        dialog.close();
        confirmApp({ api, app, done });
      },
    }),
  });
}

function confirmApp({ api, app, done }) {
  const code = codeInput();
  const dialog = openDialog({
    title: "Scan this with the app",
    content: [
      qrCode(app.qr),
      h("p", { class: "hint" }, "Or type this into it: ", h("code", { class: "totp-secret" }, app.secret)),
      form({
        fields: [field({ label: "The code that the app shows", name: "code", control: code })],
        submit: "Turn it on",
        onSubmit: async () => {
          const { recovery_codes } = await api.confirmApp({ code: code.value });
          dialog.close();
          await showRecoveryCodes(recovery_codes);
          done();
        },
      }),
    ],
  });
}

function showRecoveryCodes(codes) {
  const dialog = openDialog({
    title: "Your recovery codes",
    content: [
      h("p", {}, "Each of these is good once in the place of a code, should you lose the app. Keep them apart from your password; nobody can show them again."),
      h("ul", { class: "recovery-codes" }, codes.map((code) => h("li", {}, h("code", {}, code)))),
      h("div", { class: "actions end" }, h("button", { type: "button", class: "primary", on: { click: () => dialog.close() } }, "I have kept them")),
    ],
  });
  return dialog.closed;
}

/** Dark modules as one path, so that no line shows between them. */
function qrCode(rows) {
  const dark = rows.flatMap((row, y) => [...row].map((module, x) => (module === "#" ? `M${x} ${y}h1v1h-1z` : "")));
  const size = rows.length;
  return svg("svg", { viewBox: `0 0 ${size} ${size}`, width: 232, height: 232, role: "img", "aria-label": "QR code of the secret", "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: dark.join(""), fill: "#000" }));
}

function removeApp({ api, done }) {
  const [password, code] = [passwordInput(), codeInput()];
  const dialog = openDialog({
    title: "Remove the authenticator app",
    content: form({
      fields: [
        field({ label: "Your password", name: "password", control: password }),
        field({ label: "A code of the app, or a recovery code", name: "code", control: code, hint: "Your other sessions end." }),
      ],
      submit: "Remove it",
      onSubmit: async () => {
        await api.removeApp({ password: password.value, code: code.value });
        dialog.close();
        toast("Removed the app.");
        done();
      },
    }),
  });
}

function addPasskey({ api, done }) {
  const [label, password] = [textInput({ value: "this device" }), passwordInput()];
  const dialog = openDialog({
    title: "Add a passkey",
    content: form({
      fields: [
        field({ label: "What to call it", name: "label", control: label }),
        field({ label: "Your password", name: "password", control: password }),
      ],
      submit: "Add it",
      onSubmit: async () => {
        const options = await api.passkeyOptions({ password: password.value });
        await api.addPasskey(await makePasskey(options, label.value));
        dialog.close();
        toast("Added the passkey.");
        done();
      },
    }),
  });
}

function renamePasskey({ api, passkey, done }) {
  const label = textInput({ value: passkey.label, autofocus: true });
  const dialog = openDialog({
    title: "Rename the passkey",
    content: form({
      fields: [field({ label: "What to call it", name: "label", control: label })],
      submit: "Rename",
      onSubmit: async () => {
        await api.renamePasskey(passkey.id, { label: label.value });
        dialog.close();
        done();
      },
    }),
  });
}

function removePasskey({ api, passkey, done }) {
  const password = passwordInput();
  const dialog = openDialog({
    title: `Remove the passkey ${passkey.label}`,
    content: form({
      fields: [field({ label: "Your password", name: "password", control: password, hint: "Your other sessions end." })],
      submit: "Remove it",
      onSubmit: async () => {
        await api.removePasskey(passkey.id, { password: password.value });
        dialog.close();
        toast("Removed the passkey.");
        done();
      },
    }),
  });
}
