use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use casemate_model::{RequestId, Timestamp};

use super::live::LiveFunction;
use crate::Control;

/// Most lines that are kept of a function, and most bytes of them.
const LINES_MAX: usize = 2_000;
const BYTES_MAX: usize = 512 << 10;
/// Most bytes of one line; the rest is left out.
const LINE_BYTES_MAX: usize = 4 << 10;

/// A line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its place in the log of this run of the node; counts from 1.
    pub number: u64,
    /// When the request ended that it is of.
    pub time: Timestamp,
    /// The request.
    pub request: RequestId,
    /// The version that answered.
    pub version: u32,
    /// The text. What is no UTF-8 is replaced.
    pub text: String,
}

/// The latest lines of one function, in memory only: they inform, and prove nothing.
#[derive(Default)]
pub(crate) struct FunctionLog(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    kept: VecDeque<LogLine>,
    bytes: usize,
    last: u64,
}

/// The log of a function, for what is said of one request while it is answered.
pub(super) struct RequestLog {
    pub(super) live: Arc<LiveFunction>,
    pub(super) control: Control,
    pub(super) request: RequestId,
    pub(super) version: u32,
}

impl RequestLog {
    /// Adds a line.
    pub(super) fn say(&self, line: &str) {
        self.live.log.add(self.control.now(), (self.request, self.version), line.as_bytes());
    }
}

impl FunctionLog {
    /// Adds what one request has written.
    pub(super) fn add(&self, time: Timestamp, (request, version): (RequestId, u32), written: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in written.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]).into_owned();
            lines.last += 1;
            lines.bytes += text.len();
            let number = lines.last;
            lines.kept.push_back(LogLine { number, time, request, version, text });
            while lines.kept.len() > LINES_MAX || lines.bytes > BYTES_MAX {
                let oldest = lines.kept.pop_front().map_or(0, |line| line.text.len());
                lines.bytes -= oldest;
            }
        }
    }

    /// Lines after a number, oldest first; the latest ones if `after` is 0.
    pub(super) fn after(&self, after: u64, limit: u32) -> Vec<LogLine> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let skipped = match after {
            0 => lines.kept.len().saturating_sub(limit),
            // A number of an earlier run of the node may be greater than any of this one.
            after if after > lines.last => 0,
            after => lines.kept.partition_point(|line| line.number <= after),
        };
        lines.kept.iter().skip(skipped).take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(log: &FunctionLog, written: &[u8]) {
        let time = Timestamp::from_millis(1_700_000_000_000).unwrap();
        log.add(time, ("req_01kg9ys7kv040g2081040g2081".parse().unwrap(), 1), written);
    }

    fn texts(log: &FunctionLog, after: u64, limit: u32) -> Vec<String> {
        log.after(after, limit).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_read_on_from_any_and_the_latest_first_of_all() {
        let log = FunctionLog::default();
        add(&log, b"one\ntwo\n\nthr\xffee");
        assert_eq!(texts(&log, 0, 10), ["one", "two", "thr\u{fffd}ee"]);
        assert_eq!(texts(&log, 0, 1), ["thr\u{fffd}ee"]);
        assert_eq!(texts(&log, 1, 1), ["two"]);
        assert_eq!(texts(&log, 3, 10), [""; 0]);
        assert_eq!(texts(&log, 99, 10).len(), 3, "a number of another run");
    }

    #[test]
    fn whatever_is_written_little_is_kept() {
        let log = FunctionLog::default();
        for _ in 0..3 {
            add(&log, &[b"x\n".repeat(LINES_MAX), vec![b'y'; BYTES_MAX]].concat());
        }
        let kept = log.after(1, u32::MAX);
        assert!(kept.len() <= LINES_MAX);
        assert_eq!(kept.last().unwrap().text.len(), LINE_BYTES_MAX);
        assert!(kept.iter().map(|line| line.text.len()).sum::<usize>() <= BYTES_MAX);
    }
}
