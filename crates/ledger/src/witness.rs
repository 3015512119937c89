//! What a witness is asked, and what it answers, as C2SP tlog-witness lays it out: `add-checkpoint`.
//!
//! ```text
//!   old 17
//!   B95lDa8R…                        one line per hash of the proof that the old log begins the new one
//!
//!   casemate/0f1e2d3c4b5a6978        the new checkpoint, to the end
//!   …
//! ```

use std::fmt;

use crate::{Checkpoint, CheckpointError, NodePublicKey, TreeHash, verify_consistency};

/// That a witness is to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the log that the witness saw last.
    pub old: u64,
    /// The proof that this log begins the new one.
    pub hashes: Vec<TreeHash>,
    /// The text of the new checkpoint. Nothing of it is checked yet.
    pub checkpoint: String,
}

/// The log that a witness saw last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its entries.
    pub size: u64,
    /// Its root.
    pub root: TreeHash,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// It is not asked in that form.
    #[error("this is no add-checkpoint request")]
    Malformed,
    /// The log's key did not sign the checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof begins where the witness is not.
    #[error("the log that was seen last has {size} entries")]
    Conflict {
        /// How many entries it saw.
        size: u64,
    },
    /// The new log is not the old one with more entries.
    #[error("the log does not begin with what was seen before")]
    Inconsistent,
}

/// Most hashes of a proof: a tree of 2^63 entries has no longer one.
const HASHES_MAX: usize = 63;

impl AddCheckpoint {
    /// Most bytes of a request.
    pub const BYTES_MAX: usize = 32 + HASHES_MAX * 45 + Checkpoint::BYTES_MAX;

    /// Reads a request.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= Self::BYTES_MAX)?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = lines.next()?.strip_prefix("old ")?;
        let old = old.parse().ok().filter(|size: &u64| size.to_string() == old)?;
        let hashes: Vec<_> = lines.take(HASHES_MAX + 1).map(TreeHash::from_base64).collect::<Option<_>>()?;
        (hashes.len() <= HASHES_MAX).then(|| Self { old, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// The log whose checkpoint it is, as the request says.
    pub fn origin(&self) -> &str {
        self.checkpoint.split('\n').next().unwrap_or_default()
    }

    /// Judges the request by what the witness saw last of this log; what may be cosigned is returned.
    pub fn judge(&self, key: &NodePublicKey, seen: Option<Seen>) -> Result<Checkpoint, WitnessRefusal> {
        let new = Checkpoint::open(&self.checkpoint, key)?;
        if self.old > new.size() {
            return Err(WitnessRefusal::Malformed);
        }
        let seen = seen.unwrap_or(Seen { size: 0, root: TreeHash::of_nothing() });
        if self.old != seen.size || (seen.size == new.size() && seen.root != new.root()) {
            return Err(WitnessRefusal::Conflict { size: seen.size });
        }
        verify_consistency((seen.size, seen.root), (new.size(), new.root()), &self.hashes)
            .map_err(|_| WitnessRefusal::Inconsistent)?;
        Ok(new)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeKey;
    use crate::samples;

    fn asked(old: u64, new: u64) -> AddCheckpoint {
        let (old_log, log) = (samples::log(old), samples::log(new));
        let hashes = log.prove_growth(old, log.size()).unwrap();
        assert_eq!(old_log.size(), old);
        AddCheckpoint { old, hashes, checkpoint: log.checkpoint().to_string() }
    }

    fn seen(size: u64) -> Option<Seen> {
        Some(Seen { size, root: samples::log(size).checkpoint().root() })
    }

    #[test]
    fn a_log_that_grew_is_cosigned() {
        let key = samples::key();
        for (old, new) in [(0, 1), (0, 700), (3, 4), (256, 257), (300, 700), (700, 700)] {
            let request = asked(old, new);
            let read = AddCheckpoint::parse(request.to_string().as_bytes()).unwrap();
            assert_eq!(read, request);
            let before = if old == 0 { None } else { seen(old) };
            assert_eq!(read.judge(key.public_key(), before).unwrap().size(), new, "{old} to {new}");
        }
    }

    #[test]
    fn a_log_that_went_back_or_changed_is_not() {
        let key = samples::key();
        let judge = |request: &AddCheckpoint, seen| request.judge(key.public_key(), seen).unwrap_err();
        let request = asked(3, 9);
        assert_eq!(judge(&request, seen(5)), WitnessRefusal::Conflict { size: 5 });
        assert_eq!(judge(&request, None), WitnessRefusal::Conflict { size: 0 });
        let other = Some(Seen { size: 3, root: TreeHash::of_leaf(b"another history") });
        assert_eq!(judge(&request, other), WitnessRefusal::Inconsistent);
        let same = Some(Seen { size: 9, root: TreeHash::of_leaf(b"another history") });
        assert_eq!(judge(&asked(9, 9), same), WitnessRefusal::Conflict { size: 9 });
        let mut cut = request.clone();
        cut.hashes.pop();
        assert_eq!(judge(&cut, seen(3)), WitnessRefusal::Inconsistent);
        let backwards = AddCheckpoint { old: 10, ..request.clone() };
        assert_eq!(judge(&backwards, seen(10)), WitnessRefusal::Malformed);
        let stranger = NodeKey::from_seed(&[8; 32]);
        let error = request.judge(stranger.public_key(), seen(3)).unwrap_err();
        assert!(matches!(error, WitnessRefusal::Checkpoint(CheckpointError::OtherKey { .. })), "{error}");
    }

    #[test]
    fn other_requests_are_refused() {
        let good = asked(3, 9).to_string();
        for bad in [
            String::new(),
            good.replacen("old 3", "old 03", 1),
            good.replacen("old 3", "old -3", 1),
            good.replacen("old 3\n", "old 3\nxx\n", 1),
            format!("old 3\n{}\n{good}", "A".repeat(44)),
            format!("old 3\n{}", format!("{}\n", TreeHash::of_nothing().to_base64()).repeat(64)),
        ] {
            let read = AddCheckpoint::parse(bad.as_bytes());
            assert!(
                read.is_none_or(|read| read.judge(samples::key().public_key(), seen(3)).is_err()),
                "{bad}"
            );
        }
    }
}
