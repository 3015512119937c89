use std::collections::BTreeSet;

use bytes::Bytes;
use casemate_limits::JsonBudget;
use casemate_model::{LimitKind, Outcome, RunLimits};
use http::Request;
use tokio::sync::mpsc::UnboundedSender;

use crate::exchange::Exchange;
use crate::serving::Answer;
use crate::wire::frame::Kind;
use crate::wire::message::Done;

/// The most output files, and the longest path of one.
const FILES_MAX: usize = 4096;
const PATH_BYTES_MAX: usize = 4096;

/// Follows what a worker sends during one run, and believes nothing: only frames that may come now, only as much
/// as the limits allow, only paths that stay below the output directory.
///
/// ```text
/// writing --File--> filing --Done--> over
///    |  \--Stdout, Stderr              ^
///    \---------------Done-------------/
/// ```
///
/// A run that answers a request writes no files; what it sends instead is the [`Exchange`]'s.
pub(crate) struct Conversation {
    output_bytes_max: u64,
    log_bytes_max: u64,
    output_directory: bool,
    output_bytes: u64,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
    paths: BTreeSet<String>,
    exchange: Option<Exchange>,
    over: bool,
}

/// Something that no honest worker sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    /// Not what may come now.
    #[error("the worker sent {0:?} out of turn")]
    OutOfTurn(Kind),
    /// More than the limit, which an honest worker enforces before it sends.
    #[error("the worker sent more than the {0} limit")]
    OverLimit(LimitKind),
    /// A path that is absolute, climbs, repeats, or is no text.
    #[error("the worker sent a bad path")]
    BadPath,
    /// The last message makes no sense.
    #[error("the worker's report makes no sense")]
    BadReport,
}

/// What a run left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Remains {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) output_bytes: u64,
    pub(crate) status: Option<u16>,
}

impl Conversation {
    /// Starts before the first frame of a run.
    pub(crate) fn new(limits: &RunLimits, output_directory: bool) -> Self {
        Self {
            output_bytes_max: limits.output_bytes,
            log_bytes_max: limits.log_bytes,
            output_directory,
            output_bytes: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            files: Vec::new(),
            paths: BTreeSet::new(),
            exchange: None,
            over: false,
        }
    }

    /// Starts before the first frame of a run that answers a request.
    pub(crate) fn serving(limits: &RunLimits, answer: UnboundedSender<Answer>) -> Self {
        Self { exchange: Some(Exchange::new(answer)), ..Self::new(limits, false) }
    }

    /// Takes the next frame. Returns the worker's report and the outcome it claims when the run is over.
    pub(crate) fn accept(
        &mut self,
        kind: Kind,
        payload: &[u8],
    ) -> Result<Option<(Done, Outcome)>, Violation> {
        if self.over {
            return Err(Violation::OutOfTurn(kind));
        }
        match kind {
            Kind::Stdout if self.files.is_empty() && self.exchange.is_none() => {
                self.count_output(payload)?;
                self.stdout.extend_from_slice(payload);
            }
            Kind::Stderr if self.files.is_empty() => {
                if (self.stderr.len() + payload.len()) as u64 > self.log_bytes_max {
                    return Err(Violation::OverLimit(LimitKind::Log));
                }
                self.stderr.extend_from_slice(payload);
            }
            Kind::File if self.output_directory => self.open_file(payload)?,
            Kind::FileData => {
                self.count_output(payload)?;
                let (_, content) = self.files.last_mut().ok_or(Violation::OutOfTurn(kind))?;
                content.extend_from_slice(payload);
            }
            Kind::Done => return self.end(payload).map(Some),
            other => {
                if other == Kind::Body {
                    self.count_output(payload)?;
                }
                let exchange = self.exchange.as_mut().ok_or(Violation::OutOfTurn(other))?;
                exchange.accept(other, payload)?;
            }
        }
        Ok(None)
    }

    /// What the guest has asked others for since the last time.
    pub(crate) fn take_fetches(&mut self) -> Vec<(u32, Request<Bytes>)> {
        self.exchange.as_mut().map_or_else(Vec::new, Exchange::take_fetches)
    }

    fn count_output(&mut self, payload: &[u8]) -> Result<(), Violation> {
        self.output_bytes = self.output_bytes.saturating_add(payload.len() as u64);
        if self.output_bytes > self.output_bytes_max {
            return Err(Violation::OverLimit(LimitKind::Output));
        }
        Ok(())
    }

    fn open_file(&mut self, path: &[u8]) -> Result<(), Violation> {
        let path = std::str::from_utf8(path).map_err(|_| Violation::BadPath)?;
        let fresh = is_plain_path(path) && self.paths.insert(path.to_owned());
        if !fresh || self.files.len() == FILES_MAX {
            return Err(Violation::BadPath);
        }
        self.files.push((path.to_owned(), Vec::new()));
        Ok(())
    }

    fn end(&mut self, payload: &[u8]) -> Result<(Done, Outcome), Violation> {
        self.over = true;
        JsonBudget::STORED.check(payload).map_err(|_| Violation::BadReport)?;
        let done: Done = serde_json::from_slice(payload).map_err(|_| Violation::BadReport)?;
        let outcome = Outcome::from_parts(&done.kind, &done.detail).ok_or(Violation::BadReport)?;
        match outcome {
            // Only the node cancels; and what did not end by itself leaves no files.
            Outcome::Cancelled => Err(Violation::BadReport),
            Outcome::Exited(_) => Ok((done, outcome)),
            _ if self.files.is_empty() => Ok((done, outcome)),
            _ => Err(Violation::BadReport),
        }
    }

    /// What has come so far; also of a run that did not end well.
    pub(crate) fn into_remains(self) -> Remains {
        Remains {
            stdout: self.stdout,
            stderr: self.stderr,
            files: self.files,
            output_bytes: self.output_bytes,
            status: self.exchange.as_ref().and_then(Exchange::status),
        }
    }
}

/// Tells whether `path` is relative and made of plain names only.
pub(crate) fn is_plain_path(path: &str) -> bool {
    path.len() <= PATH_BYTES_MAX
        && !path.contains('\0')
        && path.split('/').all(|name| !matches!(name, "" | "." | "..") && name.len() <= 255)
}

#[cfg(test)]
mod tests;
