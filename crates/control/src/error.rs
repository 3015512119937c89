use std::time::Duration;

use casemate_identity::{
    CertificateRequestError, IdentityError, KeyLabelError, PASSKEYS_MAX, PasskeyError, Rejected,
};
use casemate_ledger::{BundleError, DecodeError, EncodeError, LogError, TilePath};
use casemate_model::{LimitError, StoreError, TaskId, UserName};
use casemate_names::NamesError;
use casemate_objects::ObjectsError;
use casemate_policy::Denied;
use casemate_throttle::{OVERRIDES_MAX, OverrideError, Subject, Tier};

use crate::{FunctionError, NodeError, ProofsError, ScheduleError, WebhookError};

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
    /// Two secrets of a key would fit for too long.
    #[error("the former secret of a key fits for 30 days more at most")]
    KeyOverlap,
    /// A key's label is no label.
    #[error(transparent)]
    KeyLabel(#[from] KeyLabelError),
    /// A kept answer does not open: the secret of the node is another one than when it was kept, or its row was changed.
    #[error("the answer to this idempotency key cannot be opened")]
    AnswerSealed,
    /// A user name or password was wrong, or the user may not sign in. It is deliberately not said which.
    #[error("the user name or the password is wrong")]
    WrongPassword,
    /// A second factor is missing or wrong, or cannot be changed so.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// Too many tries with one user name.
    #[error("there were too many tries with this user name")]
    TooManyAttempts {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many passwords wait to be checked.
    #[error("too many people sign in at this moment")]
    TooManyLogins,
    /// The caller has not signed in as a user.
    #[error("this is for users who have signed in; the caller is none")]
    NoUser,
    /// Callers cannot do to themselves what an administrator does to others.
    #[error("nobody blocks, demotes or resets the user that they are")]
    Oneself,
    /// The caller does not use an API key.
    #[error("a certificate is of an API key, and the caller does not use one")]
    NoKey,
    /// A request for a certificate is none.
    #[error(transparent)]
    CertificateRequest(#[from] CertificateRequestError),
    /// There is no such user.
    #[error("there is no user {0}")]
    UserNotFound(UserName),
    /// Another user has the name.
    #[error("there is a user {0} already")]
    UserNameTaken(UserName),
    /// Somebody else changed the user at the same time.
    #[error("somebody else has changed the user {0} at the same time")]
    UserChanged(UserName),
    /// The user may do more than the caller.
    #[error("the user may do more than you, and can be changed only by who may do as much")]
    UserOutranks,
    /// A program signs in with keys.
    #[error("a service account has keys and no password")]
    ServiceHasPassword,
    /// Nobody can register, or only by invitation.
    #[error("this node takes nobody in like that: registration is off, or by invitation only")]
    RegistrationOff,
    /// There is no such invitation in the project.
    #[error("there is no invitation {0}")]
    InvitationNotFound(casemate_model::InvitationId),
    /// The invitation was used by somebody else at the same time.
    #[error("the invitation was used, or is over")]
    InvitationGone,
    /// There is no such session of the caller.
    #[error("there is no session {0}")]
    SessionNotFound(casemate_model::SessionId),
    /// A role that is built in cannot be changed.
    #[error("the role {0} is built in and stays as it is")]
    RoleBuiltIn(casemate_model::Role),
    /// Somebody has the role.
    #[error("the role {0} is in use: take it from users, keys and invitations first")]
    RoleInUse(casemate_model::Role),
    /// A role would be given by who does not have as much.
    #[error("a role cannot be given by who may do less than it")]
    RoleExceedsGiver,
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
    /// Functions failed.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// Guests cannot be run.
    #[error(transparent)]
    Sandbox(#[from] casemate_sandbox::SandboxError),
    /// Objects failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// A reason is too long.
    #[error("a reason has at most {bytes_max} bytes")]
    ReasonTooLong {
        /// Most bytes.
        bytes_max: usize,
    },
    /// Peers could not say it.
    #[error(transparent)]
    Peers(#[from] casemate_peers::PeersError),
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
    /// A task cannot be submitted so.
    #[error(transparent)]
    Task(#[from] TaskError),
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
    /// Nodes.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Proofs.
    #[error(transparent)]
    Proofs(#[from] ProofsError),
    /// Schedules.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Webhooks.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
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
    /// A stored receipt is none.
    #[error("the stored receipt cannot be read")]
    ReceiptDamaged(#[from] DecodeError),
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

impl ControlError {
    /// Whether the same may go through in a moment, as a store did not answer.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Store(_) | Self::Names(NamesError::Store(_)) | Self::Objects(ObjectsError::Store(_))
        )
    }
}

/// What is the matter with a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorError {
    /// The password is right, and a second factor is wanted.
    #[error("a code is needed beside the password")]
    Required,
    /// The second factor is wrong, or was used.
    #[error("the code is wrong, over, or was used before")]
    Wrong,
    /// The caller's session has not shown the second factor that its user has.
    #[error("this is for sessions in which the second factor was shown")]
    NotShown,
    /// Who has the caller's role must show two factors, and has not in this session.
    #[error("whoever has this role shows two factors, and this session has shown one")]
    NotSetUp,
    /// A secret of codes is in use already.
    #[error("there is an authenticator app already; remove it first")]
    TotpInUse,
    /// There is no secret of codes to confirm or remove.
    #[error("there is no authenticator app to confirm or remove")]
    TotpNotBegun,
    /// The node has no address that passkeys could be for.
    #[error("this node has no passkeys, as it does not know under which domain browsers reach it")]
    PasskeysOff,
    /// A new passkey is not what it should be.
    #[error(transparent)]
    PasskeyInvalid(#[from] PasskeyError),
    /// Somebody who signs in with a passkey is refused. It is deliberately not said why.
    #[error("the passkey was not accepted")]
    PasskeyRefused(PasskeyError),
    /// Somebody has the passkey.
    #[error("this passkey is in use already")]
    PasskeyTaken,
    /// The user has as many passkeys as there may be.
    #[error("a user has at most {PASSKEYS_MAX} passkeys")]
    TooManyPasskeys,
    /// There is no such passkey of the caller.
    #[error("there is no such passkey")]
    PasskeyNotFound,
}

/// Why a task cannot be submitted.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A task cannot be planned so.
    #[error("`plan/{field}` must be {expected}")]
    Plan {
        /// The field of the plan.
        field: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// There is no such quorum.
    #[error(transparent)]
    Quorum(casemate_tasks::QuorumError),
    /// Runs that are to be compared must be deterministic.
    #[error("nodes agree only on runs that are the same everywhere: a quorum needs the profile det-1")]
    QuorumNotDeterministic,
    /// A task that is needed is not there, or has not succeeded.
    #[error("the task {0}, which is needed, is not there or has not succeeded")]
    NeedsMissing(TaskId),
    /// A task that is needed has not left what is read of it.
    #[error(transparent)]
    OutputMissing(#[from] casemate_tasks::OutputMissing),
    /// What a task is to do once more is another module by now.
    #[error("the name of the module of task {0} means something else by now")]
    ModuleMoved(TaskId),
}

impl From<IdentityError> for ControlError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Rejected(rejected) => Self::Rejected(rejected),
            IdentityError::Store(store) => Self::Store(store),
        }
    }
}
