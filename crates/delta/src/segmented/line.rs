//! Packs segments on two threads: they are taken in their order, packed side by side, and written in their order.
//!
//! ```text
//! take: read, plan │ pack: read the base, compress, compare │ put: write, in order
//!   one at a time  │              side by side              │    one at a time
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::plan::{Plan, Ranges};
use super::{Base, HEADER_BYTES, Header, PackError, ReadAt, SEGMENT_BYTES, TRIED_BYTES_MAX, read};
use crate::frame;

/// Packs all segments of content into `sink`; where each ends.
pub(super) fn run(
    header: Header,
    content: &(dyn ReadAt + Sync),
    base: Option<Base<'_>>,
    level: i32,
    sink: &mut (dyn Write + Send),
) -> Result<Vec<u64>, PackError> {
    let out = Out { sink, waiting: BTreeMap::new(), ends: Vec::new(), failed: None };
    let line = Line { header, content, base, level, intake: Mutex::default(), out: Mutex::new(out) };
    if header.segments() > 1 {
        std::thread::scope(|scope| {
            scope.spawn(|| line.work());
            line.work();
        });
    } else {
        line.work();
    }
    let out = line.out.into_inner().unwrap_or_else(PoisonError::into_inner);
    out.failed.map_or(Ok(out.ends), Err)
}

struct Line<'a> {
    header: Header,
    content: &'a (dyn ReadAt + Sync),
    base: Option<Base<'a>>,
    level: i32,
    intake: Mutex<Intake>,
    out: Mutex<Out<'a>>,
}

/// What is taken next.
#[derive(Default)]
struct Intake {
    next: u64,
    plan: Plan,
}

/// A segment on its way.
struct Job {
    index: u64,
    segment: Vec<u8>,
    ranges: Ranges,
}

struct Out<'a> {
    sink: &'a mut (dyn Write + Send),
    /// Segments that are packed, and one before them is not.
    waiting: BTreeMap<u64, Vec<u8>>,
    ends: Vec<u64>,
    failed: Option<PackError>,
}

impl Line<'_> {
    /// Packs segments until none is left, or one fails.
    fn work(&self) {
        while let Some(taken) = self.take() {
            let packed = taken.and_then(|job| Ok((job.index, self.pack(&job)?)));
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            if out.failed.is_some() {
                return;
            }
            if let Err(error) = packed.and_then(|(index, packed)| out.put(self.header, index, packed)) {
                out.failed = Some(error);
                return;
            }
        }
    }

    fn take(&self) -> Option<Result<Job, PackError>> {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let index = intake.next;
        if index >= self.header.segments() {
            return None;
        }
        intake.next += 1;
        let segment = match read(self.content, self.header.span(index)) {
            Ok(segment) => segment,
            Err(error) => return Some(Err(PackError::Read(error))),
        };
        let ranges = self.base.map_or_else(Ranges::default, |base| intake.plan.ranges(&segment, base));
        Some(Ok(Job { index, segment, ranges }))
    }

    fn pack(&self, job: &Job) -> Result<Vec<u8>, PackError> {
        let prefix = match self.base {
            None => Vec::new(),
            Some(base) => job.ranges.read(base.content).map_err(PackError::Read)?,
        };
        let frame = frame::compress(&job.segment, &prefix, self.level).ok_or(PackError::Zstd)?;
        let back = frame::decompress(&frame, &prefix, job.segment.len());
        if back.as_deref() != Some(&job.segment[..]) {
            return Err(PackError::Zstd);
        }
        let mut packed = job.ranges.write();
        packed.extend_from_slice(&frame);
        Ok(packed)
    }
}

impl Out<'_> {
    /// Takes a packed segment, and writes what is complete up to it.
    fn put(&mut self, header: Header, index: u64, packed: Vec<u8>) -> Result<(), PackError> {
        self.waiting.insert(index, packed);
        while let Some(packed) = self.waiting.remove(&(self.ends.len() as u64)) {
            self.sink.write_all(&packed).map_err(PackError::Sink)?;
            let end = self.ends.last().copied().unwrap_or(HEADER_BYTES as u64) + packed.len() as u64;
            self.ends.push(end);
            let read = (self.ends.len() as u64 * SEGMENT_BYTES).min(header.length);
            if read >= TRIED_BYTES_MAX && end > read - read / 16 {
                return Err(PackError::DoesNotPay);
            }
        }
        Ok(())
    }
}
