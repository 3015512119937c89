//! Offline verification: bytes in, a report or the place of the first fault out. Neither node nor network is used.
//!
//! What is found: any edit, drop, reorder or truncation; an older or forked history, if a checkpoint of the newer
//! one is known; another key, if the right one is pinned. What cannot be found without either: a node that signs a
//! whole new history with its own key.

use std::fmt;

use casemate_model::{Digest, StoreError, TaskId};

use crate::log::ReadError;
use crate::{
    BadSignature, Bundle, Checkpoint, CheckpointError, Decision, DecodeError, Entry, NodePublicKey,
    ProofError, Receipt, SignedReceipt, TilePath,
};

mod agreement;
mod name;
mod whole_log;

pub use crate::log::EntryProblem;
pub use agreement::{level_of, split_bundles};
pub(crate) use name::verify_name_parts;
pub use name::{NameReport, verify_name};
pub use whole_log::{LogReport, verify_log};

/// What does not hold, and where.
#[derive(Debug)]
pub struct VerifyError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// A part of a bundle or of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The frame of a bundle.
    Bundle,
    /// The public key.
    Key,
    /// The key that the receipt is signed with.
    Signer,
    /// The signed receipt.
    Receipt,
    /// The signed record of a name.
    Record,
    /// An entry of the log, by its number where that is known.
    Entry(Option<u64>),
    /// The entry's hash in a bundle.
    Leaf,
    /// The inclusion proof.
    Proof,
    /// The checkpoint.
    Checkpoint,
    /// The checkpoint known from elsewhere.
    KnownCheckpoint,
    /// The output that was given to compare.
    Output,
    /// A file of the log.
    File(TilePath),
}

/// What can be wrong at a [`Place`].
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It does not have its form.
    #[error(
        "it does not have its form: it is something else, or was cut or changed, perhaps its line endings"
    )]
    Malformed,
    /// Its bytes cannot be read.
    #[error("it is damaged: its bytes cannot be read")]
    Decode(#[from] DecodeError),
    /// An entry cannot stand where it stands.
    #[error("it cannot stand where it stands")]
    Entry(#[from] EntryProblem),
    /// The entry's hash differs from the one in its tile.
    #[error("its hash is not the one in `{tile}`")]
    Leaf {
        /// The tile.
        tile: TilePath,
    },
    /// The tile is not what the entries give.
    #[error("it is not what the entries give")]
    Differs,
    /// The root is not that of the entries.
    #[error("its root is not that of the entries")]
    Root,
    /// It is no checkpoint of this log and key.
    #[error("it is no checkpoint of this log and key")]
    Checkpoint(#[from] CheckpointError),
    /// The log is older than is known.
    #[error("it covers {known} entries, but the log has {found}: the log went back in time")]
    Rollback {
        /// Entries that the known checkpoint covers.
        known: u64,
        /// Entries of the log.
        found: u64,
    },
    /// The log's history is not the known one.
    #[error("the log's history is not the one that it covers")]
    Fork,
    /// The key is not the pinned one.
    #[error("it is not the key that was expected")]
    OtherKey,
    /// The signature is wrong.
    #[error("its signature does not hold")]
    Signature(#[from] BadSignature),
    /// The proof does not lead from the entry to the checkpoint.
    #[error("it does not lead to the checkpoint")]
    Proof(#[from] ProofError),
    /// The entry does not name this receipt or record.
    #[error("the log entry does not name it")]
    NotRecorded,
    /// The run did not give this output.
    #[error("{digest} is not an output that the receipt names")]
    OtherOutput {
        /// The digest of what was given.
        digest: Digest,
    },
    /// Several receipts are not of one run, or did not come to the same.
    #[error("it is not the same in all receipts: {what}")]
    Disagree {
        /// What differs.
        what: &'static str,
    },
    /// The log does not say that several receipts are of one task.
    #[error("the log does not say that the receipts are of one task")]
    Unrelated,
    /// Two receipts are signed by one key.
    #[error("one key signed two of them, which says no more than one receipt")]
    SameSigner,
    /// A witness that was asked for did not cosign it.
    #[error("it has no good cosignature of the witness `{witness}`")]
    NotWitnessed {
        /// The name of the witness.
        witness: String,
    },
    /// The log's files could not be read.
    #[error("it could not be read")]
    Store(#[from] StoreError),
}

/// What a bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The receipt.
    pub receipt: Receipt,
    /// The number of the log entry that names it.
    pub sequence: u64,
    /// The log's checkpoint.
    pub checkpoint: Checkpoint,
    /// The key that signed the log.
    pub key: NodePublicKey,
    /// The key that signed the receipt, if it is another: that of a node that has joined, which the log names.
    pub signer: Option<NodePublicKey>,
    /// The task that the run is of too, as the log says; see [`SignedReceipt::REPLICA_OF`].
    pub replica_of: Option<TaskId>,
    /// How many runs that task asked for, as the log says; none if its result is looked at.
    pub replicas: Option<u8>,
    /// Whether the caller knew the key beforehand. If not, anybody could have made the bundle.
    pub key_pinned: bool,
    /// Which output the given one is.
    pub output: Option<String>,
}

/// Checks a bundle: every byte of it, and what the caller knows beforehand.
///
/// `pinned` is the node's key, `output` the digest of something said to be the run's output, `known` a checkpoint of
/// the same log; one of the same size must be the same, others cannot be compared without the log.
pub fn verify_bundle(
    bytes: &[u8],
    pinned: Option<&NodePublicKey>,
    output: Option<&Digest>,
    known: Option<&Checkpoint>,
) -> Result<Report, VerifyError> {
    let bundle = Bundle::parse(bytes)?;
    if pinned.is_some_and(|pinned| *pinned != bundle.key) {
        return Err(VerifyError { place: Place::Key, problem: Problem::OtherKey });
    }
    let event = verify_parts(&bundle)?.event;
    if let Some(known) = known {
        compare_known(known, bundle.checkpoint())?;
    }
    let receipt = bundle.receipt.receipt();
    let output = match output {
        None => None,
        Some(digest) => match receipt.output_named(digest) {
            Some(name) => Some(name.to_owned()),
            None => {
                let problem = Problem::OtherOutput { digest: *digest };
                return Err(VerifyError { place: Place::Output, problem });
            }
        },
    };
    Ok(Report {
        receipt: receipt.clone(),
        sequence: bundle.inscription.index,
        checkpoint: bundle.inscription.checkpoint,
        key: bundle.key,
        signer: bundle.signer,
        replica_of: event.detail(SignedReceipt::REPLICA_OF).and_then(|task| task.parse().ok()),
        replicas: event.detail(SignedReceipt::REPLICAS).and_then(|count| count.parse().ok()),
        key_pinned: pinned.is_some(),
        output,
    })
}

/// Checks that the parts of a bundle belong together, and returns its entry. The checkpoint's signature was checked when it was
/// opened.
pub(crate) fn verify_parts(bundle: &Bundle) -> Result<Entry, VerifyError> {
    let at = |place, problem| Err(VerifyError { place, problem });
    let entry = bundle.inscription.verify(&bundle.key)?;
    let receipt = bundle.receipt.receipt();
    let named = entry.event.detail(SignedReceipt::DETAIL) == Some(&bundle.receipt.digest().to_string());
    let about = entry.event.resource == format!("task:{}", receipt.task)
        && entry.event.project == receipt.project
        && entry.event.decision == Decision::Allowed;
    if !named || !about {
        return at(Place::Receipt, Problem::NotRecorded);
    }
    // The log says whose key it was then: nobody else can put theirs in its place.
    let signer = bundle.signer.as_ref().map(ToString::to_string);
    if entry.event.detail(SignedReceipt::SIGNER) != signer.as_deref() {
        return at(Place::Signer, Problem::NotRecorded);
    }
    match bundle.receipt.verify(bundle.signer.as_ref().unwrap_or(&bundle.key)) {
        Ok(()) => Ok(entry),
        Err(error) => at(Place::Receipt, error.into()),
    }
}

fn compare_known(known: &Checkpoint, found: &Checkpoint) -> Result<(), VerifyError> {
    let other_log = known.origin() != found.origin();
    let other_history = known.size() == found.size() && known.root() != found.root();
    if other_log || other_history {
        return Err(VerifyError { place: Place::KnownCheckpoint, problem: Problem::Fork });
    }
    Ok(())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle => f.write_str("bundle"),
            Self::Key => f.write_str("key"),
            Self::Signer => f.write_str("signer"),
            Self::Receipt => f.write_str("receipt"),
            Self::Record => f.write_str("record"),
            Self::Entry(Some(sequence)) => write!(f, "entry {sequence}"),
            Self::Entry(None) => f.write_str("entry"),
            Self::Leaf => f.write_str("leaf hash"),
            Self::Proof => f.write_str("inclusion proof"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::KnownCheckpoint => f.write_str("known checkpoint"),
            Self::Output => f.write_str("output"),
            Self::File(path) => write!(f, "{path}"),
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The problem itself is in the message.
        std::error::Error::source(&self.problem)
    }
}

impl From<ReadError> for VerifyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { path } => Self { place: Place::File(path), problem: Problem::Malformed },
            ReadError::Store(error) => Self { place: Place::Checkpoint, problem: error.into() },
        }
    }
}

#[cfg(test)]
mod tests;
