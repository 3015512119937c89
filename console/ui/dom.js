// Building the page. Everything a person or a guest wrote goes through text nodes; there is no way here to hand in
// markup.

/**
 * Makes an element. `properties`: `class`, `on` (listeners), `data` (dataset), booleans as bare attributes, anything
 * else as attribute; null, undefined and false are left out. Children: nodes, texts, numbers, or lists of them.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Appends children as `h` does. */
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Makes an element of a drawing, as `h` does. */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  return append(element, children);
}

/** Replaces all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

/** A line icon of 20 by 20. Decorative: the text beside it says the same. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true", focusable: "false" }, svg("path", { d: ICONS[name] }));
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  overview: "M3 11h4l2-6 3 10 2-4h3",
  tasks: "M4 4h12v12H4zM8 8l4 2-4 2z",
  schedules: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4l3 2",
  functions: "M7 3c-3 0-1 6-4 7 3 1 1 7 4 7M13 3c3 0 1 6 4 7-3 1-1 7-4 7M9 7l3 6",
  nodes: "M4 4h12v5H4zM4 11h12v5H4zM7 6.5h.01M7 13.5h.01",
  objects: "M3 7l7-4 7 4v6l-7 4-7-4zM3 7l7 4 7-4M10 11v6",
  folder: "M3 5h5l2 2h7v8H3z",
  names: "M3 4h6l8 8-5 5-8-8zM6.5 7.5h.01",
  audit: "M5 3h10v14H5zM8 7h4M8 10h4M8 13h2",
  webhooks: "M10 3a3.5 3.5 0 0 1 1.6 6.6l2.2 4M10 6.5 6.5 13M6 13.5a2 2 0 1 1-3-1.7M6 14.5h7.5M14 13.5a2 2 0 1 1 .5 3.9M10 6.5h.01",
  keys: "M12.5 3a4.5 4.5 0 1 1-3.6 7.2L8 11v2H6v2H4v2H2v-2l6.6-6A4.5 4.5 0 0 1 12.5 3zM13.5 6.5h.01",
  users: "M7 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 17a5 5 0 0 1 10 0M13 9a3 3 0 0 0 0-6M14 12a5 5 0 0 1 4 5",
  limits: "M3 14a7 7 0 1 1 14 0M10 14l4-5",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  help: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM8 8a2 2 0 1 1 2.6 1.9c-.4.2-.6.5-.6 1.1M10 13.5h.01",
  leave: "M8 4H4v12h4M8 10h8M13 7l3 3-3 3",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  check: "M4 10.5l4 4 8-9",
  cross: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
};
