// The last lines of what a program writes while it runs. Pure.

/** Most lines that are kept, and most characters of one. */
export const LINES_MAX = 2000;
const LINE_CHARS_MAX = 2000;

/**
 * Keeps a tail. `lines` are `{ id, stream, text }`, oldest first, where `stream` is `stdout`, `stderr` or, for what is said
 * about them, `note`. `add(piece)` takes a piece as the node tells of it and answers the lines that it made or changed;
 * a piece that was told of before changes nothing, so the whole log may be told again after a broken connection.
 */
export function createTail(max = LINES_MAX) {
  const lines = [];
  const open = new Map();
  const known = new Map();
  let attempt = 0;
  let serial = 0;
  let dropped = 0;

  function begin(stream, text) {
    const line = { id: (serial += 1), stream, text };
    lines.push(line);
    while (lines.length > max) {
      const gone = lines.shift();
      dropped += 1;
      if (open.get(gone.stream) === gone) open.delete(gone.stream);
    }
    return line;
  }

  /** Puts text behind the open line of its stream, or on a new one. */
  function write(stream, text, changed) {
    let rest = text;
    do {
      const line = open.get(stream) ?? begin(stream, "");
      const room = LINE_CHARS_MAX - line.text.length;
      line.text += rest.slice(0, room);
      rest = rest.slice(room);
      changed.add(line);
      if (rest === "") open.set(stream, line);
      else open.delete(stream);
    } while (rest !== "");
  }

  function end(stream, changed) {
    const line = open.get(stream) ?? begin(stream, "");
    line.text = line.text.replace(/\r$/, "");
    changed.add(line);
    open.delete(stream);
  }

  function add(piece) {
    const changed = new Set();
    const key = `${piece.attempt} ${piece.stream}`;
    const seen = known.get(key) ?? 0;
    if (piece.offset + piece.bytes <= seen) return changed;
    known.set(key, piece.offset + piece.bytes);
    if (piece.attempt !== attempt) {
      open.clear();
      if (attempt !== 0 || piece.attempt > 1) changed.add(begin("note", `Attempt ${piece.attempt}`));
      attempt = piece.attempt;
    }
    if (piece.offset > seen) {
      open.delete(piece.stream);
      changed.add(begin("note", `${piece.offset - seen} bytes of ${piece.stream} are left out here`));
    }
    const text = piece.offset < seen ? withoutStart(piece.text, seen - piece.offset) : piece.text;
    for (const [index, part] of text.split("\n").entries()) {
      if (index > 0) end(piece.stream, changed);
      if (part !== "") write(piece.stream, part, changed);
    }
    return changed;
  }

  return {
    lines,
    add,
    /** How many lines were dropped at the start. */
    get dropped() {
      return dropped;
    },
  };
}

/** A text without so many of its first bytes. */
function withoutStart(text, bytes) {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(bytes));
}

/** How far a task says that it is, in words; `null` if it says nothing. */
export function progressText(progress) {
  if (!progress) return null;
  const { done, total, text } = progress;
  const number = total > 0 ? `${done} of ${total}` : done > 0 ? String(done) : "";
  return [number, text].filter(Boolean).join(": ");
}
