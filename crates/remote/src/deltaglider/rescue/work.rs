use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use casemate_model::{Clock, Timestamp};

/// The time that trying ways of packing may take. What a stranger stored decides how long one way takes, so that it is
/// looked at all the time.
pub(super) struct Work {
    clock: Arc<dyn Clock>,
    ends: Timestamp,
}

/// Why one way of packing was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// It makes more than the file has.
    TooLong,
    /// All of them have taken too long.
    OutOfTime,
}

impl Work {
    pub(super) fn until(clock: Arc<dyn Clock>, time_max: Duration) -> Self {
        let ends = clock.now().saturating_add(time_max);
        Self { clock, ends }
    }

    /// Whether there is time left.
    pub(super) fn go_on(&self) -> Result<(), GaveUp> {
        if self.clock.now() > self.ends { Err(GaveUp::OutOfTime) } else { Ok(()) }
    }

    /// The same bytes, and an error where the time is over.
    pub(super) fn reading<R: Read>(&self, inner: R) -> Reading<'_, R> {
        Reading { inner, work: self }
    }
}

/// Bytes that are given out for as long as there is time.
pub(super) struct Reading<'a, R> {
    inner: R,
    work: &'a Work,
}

impl<R: Read> Read for Reading<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A packer computes for long over what is little to read.
        let length = buffer.len().min(PIECE_BYTES);
        self.work.go_on().map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        self.inner.read(&mut buffer[..length])
    }
}

/// Reads at most `bytes_max`.
pub(super) fn read_up_to(reader: impl Read, bytes_max: u64) -> Result<Vec<u8>, Option<GaveUp>> {
    let mut bytes = Vec::new();
    reader.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| gave_up(&error))?;
    if bytes.len() as u64 > bytes_max { Err(Some(GaveUp::TooLong)) } else { Ok(bytes) }
}

/// Whether a failure was ours.
pub(super) fn gave_up(error: &io::Error) -> Option<GaveUp> {
    (error.kind() == io::ErrorKind::TimedOut).then_some(GaveUp::OutOfTime)
}

const PIECE_BYTES: usize = 256 << 10;
