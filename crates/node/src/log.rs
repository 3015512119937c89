//! What a run writes, on its way to whoever follows the task.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use casemate_api::nodes::HeldLease;
use casemate_api::tasks::LogStream;
use casemate_sandbox::{OutputStream, Watcher};

use crate::node::Shared;

/// How often what was written is handed on.
const SEND_EVERY: Duration = Duration::from_millis(500);
/// Most bytes of a stream that are handed on at once. What is written faster is seen when the run is over.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Keeps what a run has written since the last time.
#[derive(Default)]
pub(crate) struct RunLog([Mutex<Tail>; 2]);

/// The end of a stream.
#[derive(Default)]
struct Tail {
    /// Where in its stream what is kept begins.
    offset: u64,
    bytes: Vec<u8>,
}

impl RunLog {
    /// Hands on what is written, until it is dropped. That it fails harms nobody.
    pub(crate) async fn hand_on(&self, shared: &Shared, held: &HeldLease) -> Infallible {
        loop {
            tokio::time::sleep(SEND_EVERY).await;
            for stream in [LogStream::Stdout, LogStream::Stderr] {
                let Some((offset, bytes)) = self.take(stream) else { continue };
                if let Err(error) = shared.client().work_log(held, (stream, offset), bytes).await {
                    tracing::debug!(
                        task = held.task,
                        error = &error as &dyn std::error::Error,
                        "not handed on"
                    );
                }
            }
        }
    }

    fn tail(&self, stream: LogStream) -> std::sync::MutexGuard<'_, Tail> {
        let tail = match stream {
            LogStream::Stdout => &self.0[0],
            LogStream::Stderr => &self.0[1],
        };
        tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, stream: LogStream) -> Option<(u64, Vec<u8>)> {
        let mut tail = self.tail(stream);
        if tail.bytes.is_empty() {
            return None;
        }
        let (offset, bytes) = (tail.offset, std::mem::take(&mut tail.bytes));
        tail.offset += bytes.len() as u64;
        Some((offset, bytes))
    }
}

impl Watcher for RunLog {
    fn wrote(&self, stream: OutputStream, bytes: &[u8]) {
        let mut tail = self.tail(match stream {
            OutputStream::Stdout => LogStream::Stdout,
            OutputStream::Stderr => LogStream::Stderr,
        });
        tail.bytes.extend_from_slice(bytes);
        let surplus = tail.bytes.len().saturating_sub(KEPT_BYTES_MAX);
        if surplus > 0 {
            tail.bytes.drain(..surplus);
            tail.offset += surplus as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_goes_on_where_it_ended_and_a_flood_leaves_its_end() {
        let log = RunLog::default();
        log.wrote(OutputStream::Stderr, b"one\n");
        assert_eq!(log.take(LogStream::Stdout), None);
        assert_eq!(log.take(LogStream::Stderr), Some((0, b"one\n".to_vec())));
        log.wrote(OutputStream::Stderr, &vec![b'x'; KEPT_BYTES_MAX + 10]);
        assert_eq!(log.take(LogStream::Stderr), Some((14, vec![b'x'; KEPT_BYTES_MAX])));
        log.wrote(OutputStream::Stderr, b"two\n");
        assert_eq!(log.take(LogStream::Stderr), Some((14 + KEPT_BYTES_MAX as u64, b"two\n".to_vec())));
    }
}
