use casemate_identity::{IdentityError, KeyLabelError, Rejected};
use casemate_ledger::{BundleError, EncodeError, LogError, TilePath};
use casemate_model::{LimitError, StoreError, TaskId};
use casemate_names::NamesError;
use casemate_objects::ObjectsError;
use casemate_policy::Denied;
use casemate_throttle::{OVERRIDES_MAX, OverrideError, Subject, Tier};

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The caller may not do that.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The credential was not accepted.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A new key would reach further than its maker.
    #[error(
        "a key cannot have a role or scope that its maker does not have, or live longer than its maker's key"
    )]
    KeyExceedsMaker,
    /// A new key would be expired at once.
    #[error("a key must expire in the future")]
    KeyExpiresInPast,
    /// A key's label is no label.
    #[error(transparent)]
    KeyLabel(#[from] KeyLabelError),
    /// There is no such role, neither built in nor made by the project.
    #[error("there is no role {0}")]
    RoleNotFound(casemate_model::Role),
    /// There is no such key in the project.
    #[error("there is no key {0}")]
    KeyNotFound(casemate_model::KeyId),
    /// A link would be good for too long, or hardly at all.
    #[error("a link is good for one minute to 30 days")]
    ShareLifetime,
    /// A link that is none, is over, or whose object is gone. It is deliberately not said which.
    #[error("this link does not open anything, or not any more")]
    ShareRefused,
    /// Objects failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// Names failed.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// A limit is out of bounds.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The task asks for more than a task may.
    #[error("a task may have at most {max} {what}")]
    TaskTooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The most allowed.
        max: usize,
    },
    /// A text for the guest cannot be handed to it.
    #[error(
        "arguments and environment variables have no NUL, and names of variables are not empty and have no `=`"
    )]
    TaskText,
    /// Two inputs want one place.
    #[error("the input file `{0}` is given twice, or lies below another input file")]
    InputTwice(String),
    /// The path of an input file cannot be used.
    #[error(
        "`{0}` cannot be the path of an input file: use a relative path without `..`, at most 255 bytes and 16 names"
    )]
    InputPath(String),
    /// The project has as many open tasks as it may have.
    #[error("the project has {open_max} open tasks already")]
    QueueFull {
        /// The most open tasks.
        open_max: u64,
    },
    /// The signed log and the database are not of the same history.
    #[error("the signed log has {signed} entries that are not the database's, which has {entries}")]
    LogOfAnother {
        /// The entries that were signed.
        signed: u64,
        /// The entries of the database.
        entries: u64,
    },
    /// An exception from a limit cannot be so.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// There are as many exceptions as there may be.
    #[error("there are {OVERRIDES_MAX} exceptions from limits already")]
    TooManyOverrides,
    /// There is no such exception.
    #[error("{subject} has no limit of its own in the tier {tier}")]
    OverrideNotFound {
        /// The tier.
        tier: Tier,
        /// For whom it would be.
        subject: Subject,
    },
    /// There is no such task in the project.
    #[error("there is no task {0}")]
    TaskNotFound(TaskId),
    /// The task has not ended, so there is nothing of the kind yet.
    #[error("the task {0} has not ended yet")]
    TaskNotFinished(TaskId),
    /// The task ended without a run, so there is nothing of the kind.
    #[error("the task {task} has no {what}")]
    TaskHasNo {
        /// The task.
        task: TaskId,
        /// What was asked for.
        what: String,
    },
    /// The log has not reached the entry yet; it will within a second.
    #[error("the log's checkpoint does not cover entry {sequence} yet")]
    ProofPending {
        /// The entry.
        sequence: u64,
    },
    /// There is no such entry.
    #[error("there is no audit entry {sequence}")]
    EntryNotFound {
        /// The entry asked for.
        sequence: u64,
    },
    /// A run's receipt could not be put into bytes.
    #[error("the receipt cannot be written")]
    Receipt(#[from] EncodeError),
    /// The log has no such file, or not any more.
    #[error("the log has no file `{path}`")]
    TileNotFound {
        /// The file asked for.
        path: TilePath,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A bundle could not be put together.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node is shutting down and accepts nothing new.
    #[error("the node is shutting down")]
    ShuttingDown,
}

impl From<IdentityError> for ControlError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Rejected(rejected) => Self::Rejected(rejected),
            IdentityError::Store(store) => Self::Store(store),
        }
    }
}
