use std::ops::Range;

/// One step of rebuilding a window. Positions in the window count from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes of the window that are found nowhere.
    Add { position: usize, length: usize },
    /// One byte, repeated.
    Run { byte: u8, length: usize },
    /// Bytes of the source.
    CopySource { position: usize, length: usize },
    /// Bytes of the window that come before.
    CopyWindow { position: usize, length: usize },
}

/// What rebuilds a window.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) list: Vec<Step>,
    /// The part of the source that is copied from.
    pub(super) segment: Option<Range<usize>>,
}

/// Source segment and window together have addresses of 32 bits in xdelta3; a window takes 2^24 at most.
const SEGMENT_BYTES_MAX: usize = u32::MAX as usize - (1 << 25);

impl Steps {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.segment = None;
    }

    pub(super) fn push(&mut self, step: Step) {
        if let Step::CopySource { position, length } = step {
            self.segment = Some(self.with(position..position + length));
        }
        self.list.push(step);
    }

    /// Takes back the last step, or its end if it is an addition, as far as it rebuilds at most `bytes`; tells how many.
    pub(super) fn pop_within(&mut self, bytes: usize) -> Option<usize> {
        let last = self.list.last_mut()?;
        match last {
            Step::Add { length, .. } if bytes > 0 && *length > bytes => {
                *length -= bytes;
                Some(bytes)
            }
            Step::Add { length, .. }
            | Step::Run { length, .. }
            | Step::CopySource { length, .. }
            | Step::CopyWindow { length, .. }
                if *length <= bytes =>
            {
                let length = *length;
                self.list.pop();
                Some(length)
            }
            _ => None,
        }
    }

    /// Whether the segment can be widened to `range`.
    pub(super) fn takes(&self, range: Range<usize>) -> bool {
        self.with(range).len() <= SEGMENT_BYTES_MAX
    }

    fn with(&self, range: Range<usize>) -> Range<usize> {
        match &self.segment {
            None => range,
            Some(segment) => segment.start.min(range.start)..segment.end.max(range.end),
        }
    }
}
