// The live stream of the node. One EventSource for the whole console; pages subscribe and unsubscribe by signal.
//
//   closed ──open()──▶ connecting ──open──▶ live
//                          ▲                 │ error
//                          └──── offline ◀───┘      (offline: EventSource retries, or we do with a growing pause)
//
// While the tab is hidden the stream is closed: browsers allow six HTTP/1.1 connections to one origin over all tabs,
// and idle tabs must not use them up. When it is shown again, pages are told to load afresh (`reset`).

const KINDS = ["task", "object", "name", "webhook", "log"];
const PAUSE_MS_MIN = 1000;
const PAUSE_MS_MAX = 30000;

/** Makes the stream, closed. `checkSession` is asked before a refused stream is tried again. */
export function createEvents({ url, checkSession }) {
  const target = new EventTarget();
  let source = null;
  let wanted = false;
  let state = "closed";
  let pauseMs = PAUSE_MS_MIN;
  let timer = null;

  function become(next) {
    if (state === next) return;
    state = next;
    target.dispatchEvent(new CustomEvent("state", { detail: next }));
  }

  function emit(kind, data) {
    target.dispatchEvent(new CustomEvent(kind, { detail: data }));
  }

  function connect() {
    if (source || !wanted || document.hidden) return;
    become(state === "offline" ? "offline" : "connecting");
    source = new EventSource(url);
    source.addEventListener("open", () => {
      const wasOffline = state === "offline";
      pauseMs = PAUSE_MS_MIN;
      become("live");
      if (wasOffline) emit("reset", null);
    });
    source.addEventListener("error", onError);
    source.addEventListener("reset", () => emit("reset", null));
    for (const kind of KINDS) source.addEventListener(kind, (event) => receive(kind, event.data));
  }

  function receive(kind, data) {
    try {
      emit(kind, JSON.parse(data));
    } catch {
      // An event that cannot be read still means that something changed.
      emit("reset", null);
    }
  }

  function onError() {
    become("offline");
    if (source?.readyState !== EventSource.CLOSED) return;
    drop();
    timer = setTimeout(async () => {
      if (await checkSession()) connect();
    }, pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }

  function drop() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (!wanted) return;
    if (document.hidden) return drop();
    connect();
    emit("reset", null);
  });

  return {
    open() {
      wanted = true;
      connect();
    },
    close() {
      wanted = false;
      drop();
      become("closed");
    },
    get state() {
      return state;
    },
    /** Calls `listener(detail)` for each event of the kinds until `signal` aborts. */
    on(kinds, listener, signal) {
      for (const kind of [kinds].flat()) target.addEventListener(kind, (event) => listener(event.detail, kind), { signal });
    },
  };
}
