use std::collections::VecDeque;

/// What is kept of what a run writes, for whoever looks on. All of it is handed in when the run ends.
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Where a piece may begin at the latest.
const OFFSET_MAX: u64 = 1 << 48;
/// The longest piece.
const PIECE_BYTES_MAX: usize = 8 << 10;
/// The longest line that may say how far a run is.
const LINE_BYTES_MAX: usize = 256;
/// How such a line begins.
const PROGRESS: &[u8] = b"casemate:progress ";
/// The longest text beside the figures, in characters.
const TEXT_CHARS_MAX: usize = 120;

/// What a run has written so far, as far as it is kept, and how far it says it is.
///
/// A guest says how far it is by a line on standard error: `casemate:progress DONE/TOTAL TEXT`, the text as it likes.
#[derive(Debug, Default)]
pub struct LiveLog {
    attempt: u32,
    pieces: VecDeque<LogPiece>,
    /// The place of the first piece that is kept.
    first: u64,
    bytes: usize,
    tails: [Tail; 2],
    line: Vec<u8>,
    progress: Option<RunProgress>,
}

/// A stream that a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Some of what a run has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPiece {
    /// Which attempt wrote it.
    pub attempt: u32,
    /// Where to.
    pub stream: LogStream,
    /// Where it begins in its stream, in bytes.
    pub offset: u64,
    /// How many bytes of the stream it is.
    pub bytes: u64,
    /// Those bytes as text. What is no UTF-8 is replaced.
    pub text: String,
}

/// How far a run says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunProgress {
    /// What is done, at most `total`.
    pub done: u64,
    /// All there is to do; not 0.
    pub total: u64,
    /// What the guest says of it, without control characters.
    pub text: String,
}

/// The end of a stream so far.
#[derive(Debug, Default)]
struct Tail {
    /// How many bytes have come.
    next: u64,
    /// The beginning of a character whose rest is to come; at most three bytes.
    started: Vec<u8>,
}

impl LiveLog {
    /// Adds what an attempt has written next. What is of an attempt before is passed over.
    pub fn add(&mut self, attempt: u32, stream: LogStream, bytes: &[u8]) {
        if self.turn_to(attempt) {
            self.push(stream, bytes);
        }
    }

    /// Adds what an attempt has written at a place of its stream. What is there already is passed over, and what is missing
    /// stays missing.
    pub fn add_at(&mut self, attempt: u32, stream: LogStream, offset: u64, bytes: &[u8]) {
        // No stream is as long, and a node can say what it likes.
        if offset > OFFSET_MAX || !self.turn_to(attempt) {
            return;
        }
        let tail = &mut self.tails[stream as usize];
        let known = tail.next.saturating_sub(offset);
        if offset > tail.next {
            *tail = Tail { next: offset, started: Vec::new() };
        }
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(bytes.len());
        self.push(stream, &bytes[known..]);
    }

    /// Where whoever begins now begins: with the first piece that is kept.
    pub fn begin(&self) -> u64 {
        self.first
    }

    /// The pieces from a place on, and the place behind them. Those that are not kept any more are left out.
    pub fn after(&self, place: u64) -> (Vec<LogPiece>, u64) {
        let skipped = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let pieces = self.pieces.iter().skip(skipped).cloned().collect();
        (pieces, self.first + self.pieces.len() as u64)
    }

    /// How far the present attempt says it is.
    pub fn progress(&self) -> Option<&RunProgress> {
        self.progress.as_ref()
    }

    /// Whether `attempt` is the present one; a later one begins anew.
    fn turn_to(&mut self, attempt: u32) -> bool {
        if attempt > self.attempt {
            self.attempt = attempt;
            self.tails = <[Tail; 2]>::default();
            self.line.clear();
            self.progress = None;
        }
        attempt == self.attempt
    }

    fn push(&mut self, stream: LogStream, bytes: &[u8]) {
        if stream == LogStream::Stderr {
            self.look_for_progress(bytes);
        }
        for chunk in bytes.chunks(PIECE_BYTES_MAX) {
            let tail = &mut self.tails[stream as usize];
            tail.next += chunk.len() as u64;
            let mut whole = std::mem::take(&mut tail.started);
            whole.extend_from_slice(chunk);
            tail.started = whole.split_off(whole.len() - started_bytes(&whole));
            if whole.is_empty() {
                continue;
            }
            let bytes = whole.len() as u64;
            let offset = tail.next - tail.started.len() as u64 - bytes;
            let text = String::from_utf8_lossy(&whole).into_owned();
            let piece = LogPiece { attempt: self.attempt, stream, offset, bytes, text };
            self.bytes += piece.size();
            self.pieces.push_back(piece);
        }
        while self.bytes > KEPT_BYTES_MAX
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.bytes -= oldest.size();
            self.first += 1;
        }
    }

    fn look_for_progress(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // Of a line that is too long, one byte more says so.
            let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.progress = RunProgress::of_line(&line).or_else(|| self.progress.take());
            }
        }
    }
}

impl LogPiece {
    /// What it takes of memory.
    fn size(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }
}

impl RunProgress {
    fn of_line(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?;
        let line = std::str::from_utf8(line.strip_prefix(PROGRESS)?).ok()?.trim_end_matches('\r');
        let (figures, text) = line.split_once(' ').unwrap_or((line, ""));
        let (done, total) = figures.split_once('/')?;
        let (done, total): (u64, u64) = (done.parse().ok()?, total.parse().ok()?);
        let text = text.chars().filter(|char| !char.is_control()).take(TEXT_CHARS_MAX).collect();
        (total > 0 && done <= total).then_some(Self { done, total, text })
    }
}

/// How many bytes at the end may be the beginning of a character.
fn started_bytes(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let length = match bytes[bytes.len() - back] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if back < length { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::LogStream::{Stderr, Stdout};
    use super::*;

    fn texts(log: &LiveLog) -> Vec<(u64, String)> {
        log.after(0).0.into_iter().map(|piece| (piece.offset, piece.text)).collect()
    }

    #[test]
    fn characters_stay_whole_and_offsets_count_bytes() {
        let mut log = LiveLog::default();
        log.add(1, Stdout, b"gr\xc3");
        log.add(1, Stdout, b"\xb6\xc3\x9fe\n");
        log.add(1, Stdout, b"\xff\xf0\x9f");
        let wanted = [(0, "gr"), (2, "öße\n"), (8, "\u{fffd}")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(texts(&log), wanted);
    }

    #[test]
    fn a_later_attempt_begins_anew_and_an_earlier_one_is_over() {
        let mut log = LiveLog::default();
        log.add(1, Stderr, b"casemate:progress 1/2\none\n");
        log.add(2, Stderr, b"two\n");
        log.add(1, Stderr, b"late\n");
        assert_eq!(log.progress(), None);
        let pieces = log.after(1).0;
        assert_eq!((pieces.len(), pieces[0].attempt, pieces[0].offset), (1, 2, 0));
    }

    #[test]
    fn what_comes_twice_is_there_once_and_a_gap_stays_one() {
        let mut log = LiveLog::default();
        log.add_at(1, Stdout, 0, b"abc");
        log.add_at(1, Stdout, 0, b"abcd");
        log.add_at(1, Stdout, 2, b"c");
        log.add_at(1, Stdout, 10, b"xyz");
        let wanted = [(0, "abc"), (3, "d"), (10, "xyz")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(texts(&log), wanted);
    }

    #[test]
    fn progress_is_a_line_of_its_own_and_nothing_else() {
        let mut log = LiveLog::default();
        let mut after = |bytes: &[u8]| {
            log.add(1, Stderr, bytes);
            log.progress().map(|progress| (progress.done, progress.total, progress.text.clone()))
        };
        assert_eq!(after(b"casemate:progress 3/"), None);
        assert_eq!(after(b"10 rows\x1b[2J\n"), Some((3, 10, "rows[2J".to_owned())));
        for bad in ["7/0", "8/7", "-1/7", "x/7", "1", "1/99999999999999999999999"] {
            let line = format!("casemate:progress {bad}\n");
            assert_eq!(after(line.as_bytes()), Some((3, 10, "rows[2J".to_owned())), "{bad}");
        }
        let long = format!("casemate:progress 4/10 {}\n", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(after(long.as_bytes()).map(|(done, ..)| done), Some(3), "a line too long says nothing");
        assert_eq!(
            after(b"no casemate:progress 5/10\ncasemate:progress 10/10\n"),
            Some((10, 10, String::new()))
        );
    }

    proptest! {
        #[test]
        fn little_is_kept_of_anything(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 0..12)) {
            let mut log = LiveLog::default();
            let mut place = 0;
            for chunk in &chunks {
                log.add(1, Stderr, chunk);
                let (pieces, next) = log.after(place);
                prop_assert!(next >= place);
                place = next;
                prop_assert!(pieces.iter().map(|piece| piece.text.len()).sum::<usize>() <= KEPT_BYTES_MAX);
                prop_assert!(pieces.iter().all(|piece| piece.bytes <= PIECE_BYTES_MAX as u64 + 3));
            }
        }
    }
}
