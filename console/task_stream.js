// The live log of one task. It is told from the start on each new connection; who listens drops what it knows.
//
//   open ──error──▶ waiting ──after a growing pause──▶ open        `end` closes it for good
//
// While the tab is hidden it is closed, as the stream of the node is (events.js).

const PAUSE_MS_MIN = 1000;
const PAUSE_MS_MAX = 30000;

/**
 * Follows a task until it ends or `signal` aborts. `on` has a listener for each kind; `onState` hears `connecting`, `live`,
 * `offline` and `over`. `stillLive` is asked before a refused stream is tried again.
 */
export function followTask({ url, on, onState, stillLive, signal, EventSource = globalThis.EventSource, page = globalThis.document, pauseMsMin = PAUSE_MS_MIN }) {
  let source = null;
  let timer = null;
  let over = false;
  let pauseMs = pauseMsMin;

  function connect() {
    if (source || over || page.hidden) return;
    source = new EventSource(url);
    source.addEventListener("open", () => {
      pauseMs = pauseMsMin;
      onState("live");
    });
    source.addEventListener("error", onError);
    for (const kind of ["state", "log", "progress"]) source.addEventListener(kind, (event) => receive(kind, event.data));
    source.addEventListener("end", (event) => {
      finish();
      receive("end", event.data);
    });
  }

  function receive(kind, text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return;
    }
    on[kind]?.(data);
  }

  function onError() {
    onState("offline");
    // The browser tries again by itself unless the node refused.
    if (source?.readyState !== EventSource.CLOSED) return;
    drop();
    timer = setTimeout(again, pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }

  async function again() {
    if (await stillLive()) connect();
    else finish();
  }

  function drop() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function finish() {
    over = true;
    drop();
    onState("over");
  }

  page.addEventListener("visibilitychange", () => (page.hidden ? drop() : connect()), { signal });
  signal.addEventListener("abort", () => {
    over = true;
    drop();
  });
  onState("connecting");
  connect();
}
