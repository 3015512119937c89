// What this browser remembers of a log: its key and the largest checkpoint seen. A node that later shows another
// key, a smaller log or another root for the same size has been reinstalled, rolled back, or lies. Nothing secret.

const PREFIX = "casemate.log.";

/**
 * Compares what is shown now with what was seen before and remembers the larger. Returns
 * `{ verdict: "first" | "same" | "grown" | "key_changed" | "rolled_back" | "forked", since, seen }`.
 */
export function rememberLog(storage, { origin, verifierKey, size, root }, now) {
  const seen = read(storage, origin);
  if (!seen) {
    write(storage, origin, { verifierKey, size, root, since: now });
    return { verdict: "first", since: now, seen: null };
  }
  const verdict = compare(seen, { verifierKey, size, root });
  if (verdict === "grown") write(storage, origin, { ...seen, size, root });
  return { verdict, since: seen.since, seen };
}

/** Forgets a log, after a person decided that the change is meant. */
export function forgetLog(storage, origin) {
  try {
    storage.removeItem(PREFIX + origin);
  } catch {
    // Without storage nothing was remembered.
  }
}

function compare(seen, now) {
  if (seen.verifierKey !== now.verifierKey) return "key_changed";
  if (now.size < seen.size) return "rolled_back";
  if (now.size > seen.size) return "grown";
  return seen.root === now.root ? "same" : "forked";
}

function read(storage, origin) {
  try {
    const value = JSON.parse(storage.getItem(PREFIX + origin));
    return value && typeof value.size === "number" ? value : null;
  } catch {
    return null;
  }
}

function write(storage, origin, value) {
  try {
    storage.setItem(PREFIX + origin, JSON.stringify(value));
  } catch {
    // Storage may be full or off; the check then starts anew each time.
  }
}
