//! Signals that end a command: its work is dropped, so that what it was writing is taken away, and then the process
//! ends with the signal's code.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// A signal that ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted(SignalKind);

impl Interrupted {
    /// The exit code, as a shell would report it.
    pub(crate) fn exit_code(self) -> u8 {
        u8::try_from(EXIT_BASE + self.0.as_raw_value()).unwrap_or(u8::MAX)
    }
}

/// Does `work` unless a signal comes first; then the work is dropped where it waits.
///
/// Work that computes and does not wait would never see the signal. The process ends without it after a moment, or at
/// a second signal.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, Interrupted> {
    let (tell, mut told) = mpsc::unbounded_channel();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        // Where signals cannot be waited for they end the process as before.
        let Ok(mut signals) = signal(kind) else { continue };
        let tell = tell.clone();
        tokio::spawn(async move {
            signals.recv().await;
            let is_heard = tell.send(kind).is_ok();
            tokio::select! {
                _ = signals.recv() => {}
                () = tokio::time::sleep(GRACE), if is_heard => {}
            }
            end(Interrupted(kind));
        });
    }
    tokio::select! {
        biased;
        Some(kind) = told.recv() => Err(Interrupted(kind)),
        done = work => Ok(done),
    }
}

#[expect(clippy::disallowed_methods, reason = "what the signal would have done")]
fn end(interrupted: Interrupted) {
    std::process::exit(i32::from(interrupted.exit_code()));
}

/// Longer than it takes to remove what was being written, and the cache.
const GRACE: Duration = Duration::from_secs(2);

const EXIT_BASE: i32 = 128;
