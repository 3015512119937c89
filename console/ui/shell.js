// The frame around every page: navigation, who is signed in, the state of the live stream, the theme.

import { hashFor } from "../router.js";
import { fill, h, icon } from "./dom.js";
import { showShortcuts } from "./shortcuts.js";

/** Each page with its label and what reading it needs; pages that would be refused are not offered. */
const PAGES = [
  ["overview", "Overview", "node:read", null],
  ["tasks", "Tasks", "tasks:read", null],
  ["schedules", "Schedules", "tasks:read", null],
  ["functions", "Functions", "functions:read"],
  ["nodes", "Nodes", "nodes:read"],
  ["objects", "Objects", "objects:read", null],
  ["names", "Names", "names:read", null],
  ["audit", "Audit", "audit:read"],
  ["keys", "Keys", "keys:read"],
  ["users", "Users", "users:read"],
  ["limits", "Limits", "node:read"],
  ["webhooks", "Webhooks", "webhooks:read"],
];
const STREAM = {
  live: ["ok", "Live"],
  connecting: ["busy", "Connecting"],
  offline: ["warn", "Reconnecting"],
  closed: ["plain", "Not connected"],
};
const THEMES = [["", "System theme"], ["light", "Light theme"], ["dark", "Dark theme"]];
const THEME_KEY = "casemate.theme";

/** Builds the frame into `#shell`. */
export function createShell({ events, onSignOut }) {
  const links = new Map(PAGES.map(([page, label]) => [page, h("a", { href: hashFor([page]) }, icon(page), h("span", {}, label))]));
  const main = h("main", { id: "main", tabindex: -1 });
  const who = h("div", { class: "who" });
  const stream = h("p", { class: "stream-state", role: "status" });
  const side = h("header", { class: "side", hidden: true },
    h("a", { class: "brand", href: "#/overview" }, h("img", { src: "favicon.svg", alt: "", width: 24, height: 24 }), h("span", {}, "Casemate")),
    h("nav", { "aria-label": "Pages" }, [...links.values()]),
    h("div", { class: "side-foot" }, stream, who,
      h("div", { class: "actions" }, themeButton(),
        h("button", { type: "button", class: "quiet round", title: "Keyboard shortcuts (?)", "aria-label": "Keyboard shortcuts", on: { click: showShortcuts } }, icon("help")),
        h("button", { type: "button", class: "quiet round", title: "Sign out", "aria-label": "Sign out", on: { click: onSignOut } }, icon("leave")))));
  fill(document.getElementById("shell"), side, main);

  const showStream = (state) => fill(stream, h("span", { class: `dot ${STREAM[state][0]}`, "aria-hidden": "true" }), STREAM[state][1]);
  events.on("state", showStream);
  showStream(events.state);

  return {
    main,
    mark(page) {
      for (const [key, link] of links) {
        if (key === page) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
    },
    signedIn(principal, can) {
      side.hidden = false;
      for (const [page, , scope] of PAGES) links.get(page).hidden = !can(scope);
      document.body.classList.add("framed");
      const title = `${principal.principal} in project ${principal.project}, allowed ${principal.scopes.join(", ") || "nothing"}`;
      const name = principal.user
        ? h("a", { class: "clip", href: "#/account", title }, principal.user)
        : h("span", { class: "clip mono", tabindex: 0, title }, principal.principal);
      fill(who, name, h("span", { class: "muted" }, `${principal.role} · ${principal.project}`));
    },
    signedOut() {
      side.hidden = true;
      document.body.classList.remove("framed");
    },
  };
}

/** Cycles system, light, dark; the choice is the only thing about the person that the browser keeps. */
function themeButton() {
  const button = h("button", { type: "button", class: "quiet round" }, icon("theme"));
  const current = () => document.documentElement.dataset.theme ?? "";
  const tell = () => {
    const [, label] = THEMES.find(([key]) => key === current());
    button.title = `${label}; press to change`;
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", () => {
    const index = THEMES.findIndex(([key]) => key === current());
    setTheme(THEMES[(index + 1) % THEMES.length][0]);
    tell();
  });
  tell();
  return button;
}

function setTheme(theme) {
  if (theme === "") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "") localStorage.removeItem(THEME_KEY);
    else localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Without storage the choice lasts until the page is closed.
  }
}
