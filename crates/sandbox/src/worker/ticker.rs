#![expect(clippy::disallowed_methods, reason = "the ticker is a thread that counts real time for the engine")]

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::Engine;

/// How often a running guest looks at the clock. An engine's epoch only makes it look: deadlines are times, never
/// numbers of ticks, since a busy host delays ticks.
const TICK: Duration = Duration::from_millis(1);

/// Counts an engine's epoch while a guest runs, on a thread that sleeps otherwise.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Mutex<Option<Engine>>,
    changed: Condvar,
}

/// Ticks until it is dropped.
pub(super) struct Ticking<'a>(&'a Ticker);

impl Ticker {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared { engine: Mutex::new(None), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("ticker".to_owned()).spawn(move || tick(&theirs))?;
        Ok(Self { shared })
    }

    /// Starts to tick for `engine`.
    pub(super) fn tick(&self, engine: &Engine) -> Ticking<'_> {
        *self.shared.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine.clone());
        self.shared.changed.notify_one();
        Ticking(self)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        *self.0.shared.engine.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Never returns: the thread ends with the process.
fn tick(shared: &Shared) {
    let mut engine = shared.engine.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match engine.as_ref() {
            Some(running) => {
                running.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
                engine = shared.engine.lock().unwrap_or_else(PoisonError::into_inner);
            }
            None => engine = shared.changed.wait(engine).unwrap_or_else(PoisonError::into_inner),
        }
    }
}
