// Addresses of pages: `#/segment/segment?key=value`. Pure, so that it can be tested without a browser.

/** Reads a hash into decoded segments and query. A malformed escape gives `null`. */
export function parseHash(hash) {
  const text = hash.startsWith("#") ? hash.slice(1) : hash;
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  try {
    const segments = path.split("/").filter((part) => part !== "").map(decodeURIComponent);
    const query = Object.fromEntries(new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)));
    return { segments, query };
  } catch {
    return null;
  }
}

/** Builds the hash of a page. Undefined, null and empty query values are left out. */
export function hashFor(segments, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return `#/${segments.map((part) => encodeURIComponent(part)).join("/")}${search ? `?${search}` : ""}`;
}

/**
 * Finds the route of a hash. A pattern is a list such as `["tasks", ":id"]`; fixed segments win over parameters
 * because routes are tried in order. Returns `{ route, params, query }` or `null`.
 */
export function matchRoute(routes, hash) {
  const parsed = parseHash(hash);
  if (!parsed) return null;
  for (const route of routes) {
    const params = matchSegments(route.pattern, parsed.segments);
    if (params) return { route, params, query: parsed.query };
  }
  return null;
}

/** Accepts a hash to return to after signing in only if it names a page of this console. */
export function safeReturn(hash) {
  return typeof hash === "string" && hash.startsWith("#/") && !hash.startsWith("#/login") ? hash : "#/overview";
}

function matchSegments(pattern, segments) {
  if (pattern.length !== segments.length) return null;
  const params = {};
  for (const [index, part] of pattern.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = segments[index];
    else if (part !== segments[index]) return null;
  }
  return params;
}
