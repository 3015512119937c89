// Tables that turn into cards on narrow screens, and lists that grow by a button.

import { append, fill, h } from "./dom.js";
import { failure, loading } from "./parts.js";

/** A table. `columns`: `{ label, cell(row), class }`; the first cell of a row names it. */
export function table({ caption, columns, rows }) {
  const body = h("tbody", {}, rows.map((row) => tableRow(columns, row)));
  return h("div", { class: "table-wrap" },
    h("table", {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.class }, column.label)))),
      body));
}

function tableRow(columns, row) {
  return h("tr", {}, columns.map((column, index) =>
    h(index === 0 ? "th" : "td", { scope: index === 0 ? "row" : null, class: column.class, "data-label": column.label }, column.cell(row))));
}

/**
 * A table over a paged list. `load(after)` answers `{ items, next }`; `none` makes the empty state. `reload()` starts
 * over, keeping what is shown until the first page is there and asking for as many rows as were shown.
 */
export function pagedTable({ caption, columns, load, none, signal }) {
  const element = h("div", { class: "region", "aria-busy": "true" }, loading());
  let rows = [];
  let next = null;
  let round = 0;

  async function fetchInto(after, keep) {
    const mine = (round += 1);
    element.setAttribute("aria-busy", "true");
    try {
      const page = await load(after);
      if (mine !== round) return;
      rows = keep ? rows.concat(page.items) : page.items;
      next = page.next ?? null;
      draw();
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted || mine !== round) return;
      fill(element, failure(error, () => fetchInto(after, keep)));
    } finally {
      if (mine === round) element.setAttribute("aria-busy", "false");
    }
  }

  function draw() {
    const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    if (rows.length === 0) return void fill(element, none());
    fill(element, table({ caption, columns, rows }));
    if (next !== null) append(element, [moreButton()]);
    // A live reload must not throw the keyboard user out of the list.
    if (focused) [...element.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  }

  function moreButton() {
    const more = async () => {
      const shown = rows.length;
      await fetchInto(next, true);
      element.querySelectorAll("tbody tr")[shown]?.querySelector("a, button")?.focus();
    };
    return h("p", { class: "more" }, h("button", { type: "button", on: { click: more } }, "Show more"));
  }

  // Once further pages were fetched, a reload would lose them: it then only refreshes on the next visit or by hand.
  const reload = () => (rows.length > PAGE ? Promise.resolve() : fetchInto(undefined, false));
  return { element, reload, restart: () => fetchInto(undefined, false), start: fetchInto(undefined, false) };
}

/** Rows asked for at once. */
export const PAGE = 50;
