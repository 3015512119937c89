use casemate_api::{ClientError, ProblemCode};
use casemate_fs::FsError;
use casemate_node::NodeError;
use casemate_remote::BucketError;
use casemate_remote::deltaglider::DeltaGliderError;
use casemate_state::StateError;

use super::CliError;
use crate::peppers::PepperError;
use crate::serve::ServeError;
use crate::wire::StartError;

/// What kind of failure it is, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Failed,
    Usage,
    NotFound,
    Denied,
    Conflict,
    Limited,
    Unavailable,
}

impl Kind {
    pub(super) const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => super::FAILED,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Denied => 4,
            Self::Conflict => 5,
            Self::Limited => 6,
            Self::Unavailable => 7,
        }
    }
}

pub(super) fn of(error: &CliError) -> Kind {
    match error {
        CliError::Client(error) => of_client(error),
        CliError::File(error) if error.is_not_found() => Kind::NotFound,
        CliError::File(FsError::Locked { .. }) => Kind::Conflict,
        CliError::TourFile { .. }
        | CliError::Nothing { .. }
        | CliError::SourceEmpty { .. }
        | CliError::NoSchedule { .. }
        | CliError::NoFormerVersion { .. }
        | CliError::NoOwnerKey { .. }
        | CliError::NoRule { .. } => Kind::NotFound,
        CliError::OwnerKeyExists { .. } => Kind::Conflict,
        CliError::WrongPassphrase { .. } => Kind::Denied,
        CliError::Bucket(error) => of_bucket(error),
        CliError::DeltaGlider(error) => of_delta_glider(error),
        CliError::Node(error) => of_node(error),
        CliError::Serve(error) => of_serve(error),
        CliError::Start(error) => of_start(error),
        CliError::Pepper(error) => of_pepper(error),
        CliError::Url(_)
        | CliError::NodeName(_)
        | CliError::Address(_)
        | CliError::Content(_)
        | CliError::Config(_)
        | CliError::CacheSettings(_)
        | CliError::NoBucket { .. }
        | CliError::ShortPassphrase { .. }
        | CliError::SharedState { .. }
        | CliError::SamePlace { .. }
        | CliError::PasswordsDiffer
        | CliError::PublicKey(_)
        | CliError::KeyUnknown { .. }
        | CliError::KeyInClear { .. }
        | CliError::PasswordInClear { .. }
        | CliError::SignInWhere
        | CliError::Authorities { .. }
        | CliError::ProjectOverNetwork
        | CliError::CopyFiles
        | CliError::NoVersions { .. }
        | CliError::MoveHere
        | CliError::RemoteAddress(_)
        | CliError::NotMany
        | CliError::NotReplaced { .. }
        | CliError::NeedsRecursive { .. } => Kind::Usage,
        CliError::InputTooLong { .. } => Kind::Limited,
        CliError::State(error) => of_state(error),
        CliError::File(_)
        | CliError::Runtime { .. }
        | CliError::Output { .. }
        | CliError::Input { .. }
        | CliError::Write { .. }
        | CliError::NoHome { .. }
        | CliError::NotText { .. }
        | CliError::PathNotText { .. }
        | CliError::ContentDiffers { .. }
        | CliError::ContentLost { .. }
        | CliError::Refused { .. }
        | CliError::Memory { .. }
        | CliError::Cache(_)
        | CliError::Difference { .. }
        | CliError::NoBackup { .. }
        | CliError::UnsafeName { .. }
        | CliError::OwnerKeyDamaged { .. }
        | CliError::DraftDiffers { .. }
        | CliError::OddAnswer { .. }
        | CliError::Tour { .. } => Kind::Failed,
    }
}

fn of_bucket(error: &BucketError) -> Kind {
    match error {
        BucketError::NotFound { .. } => Kind::NotFound,
        BucketError::Exists { .. } | BucketError::Changed { .. } => Kind::Conflict,
        BucketError::Denied { .. } => Kind::Denied,
        BucketError::Unavailable { .. } => Kind::Unavailable,
        BucketError::BadKey { .. } | BucketError::Unsupported { .. } | BucketError::Settings(_) => {
            Kind::Usage
        }
        BucketError::TooLarge { .. } | BucketError::TooMany { .. } => Kind::Limited,
        BucketError::Files(error) if error.is_not_found() => Kind::NotFound,
        BucketError::BadRange { .. }
        | BucketError::WrongLength { .. }
        | BucketError::Unreadable { .. }
        | BucketError::Source { .. }
        | BucketError::Files(_) => Kind::Failed,
    }
}

fn of_delta_glider(error: &DeltaGliderError) -> Kind {
    match error {
        DeltaGliderError::NotFound { .. } => Kind::NotFound,
        DeltaGliderError::BadKey { .. } => Kind::Usage,
        DeltaGliderError::Conflict { .. }
        | DeltaGliderError::Ambiguous { .. }
        | DeltaGliderError::Occupied { .. }
        | DeltaGliderError::HasDependents { .. } => Kind::Conflict,
        DeltaGliderError::TooLarge { .. } | DeltaGliderError::MetadataTooLarge { .. } => Kind::Limited,
        DeltaGliderError::Bucket(error) => of_bucket(error),
        DeltaGliderError::BadMetadata { .. }
        | DeltaGliderError::MetadataLost { .. }
        | DeltaGliderError::Damaged { .. }
        | DeltaGliderError::ReferenceMissing { .. }
        | DeltaGliderError::NeedsRescue { .. }
        | DeltaGliderError::NotRescued { .. }
        | DeltaGliderError::Encrypted { .. }
        | DeltaGliderError::Codec { .. }
        | DeltaGliderError::Unfaithful { .. }
        | DeltaGliderError::Memory(_)
        | DeltaGliderError::Interrupted(_) => Kind::Failed,
    }
}

fn of_serve(error: &ServeError) -> Kind {
    match error {
        ServeError::Unfit { .. } => Kind::Usage,
        ServeError::Start(error) => of_start(error),
        ServeError::Control(_) | ServeError::Failed | ServeError::Signals(_) => Kind::Failed,
    }
}

/// An occupied port or directory is a conflict with whoever has it.
fn of_pepper(error: &PepperError) -> Kind {
    match error {
        PepperError::Unknown { .. } => Kind::NotFound,
        PepperError::InUse { .. } | PepperError::Stranger { .. } | PepperError::LeanedOn { .. } => {
            Kind::Conflict
        }
        PepperError::Sealing { .. } => Kind::Usage,
        PepperError::Other { .. } | PepperError::Missing { .. } | PepperError::Store(_) => Kind::Failed,
    }
}

fn of_start(error: &StartError) -> Kind {
    match error {
        StartError::Directory(FsError::Locked { .. } | FsError::SocketInUse { .. }) => Kind::Conflict,
        StartError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => Kind::Conflict,
        StartError::Listen { .. } | StartError::Redis(_) | StartError::ServerName(_) => Kind::Usage,
        StartError::State(error) => of_state(error),
        StartError::Pepper(error) => of_pepper(error),
        StartError::Directory(_)
        | StartError::Secret { .. }
        | StartError::SecretMissing { .. }
        | StartError::Forgotten { .. }
        | StartError::Log(_)
        | StartError::Recording(_)
        | StartError::Encryption(_)
        | StartError::Objects(_)
        | StartError::Sandbox(_)
        | StartError::Socket(_)
        | StartError::Tls(_)
        | StartError::Zone(_)
        | StartError::Peers(_)
        | StartError::TransferKey { .. }
        | StartError::Metrics(_) => Kind::Failed,
    }
}

fn of_state(error: &StateError) -> Kind {
    match error {
        StateError::Unreachable { .. } => Kind::Unavailable,
        StateError::Directory(FsError::AlreadyExists { .. }) => Kind::Conflict,
        _ => Kind::Failed,
    }
}

fn of_node(error: &NodeError) -> Kind {
    match error {
        NodeError::Client(error) => of_client(error),
        NodeError::NotJoined => Kind::NotFound,
        NodeError::Joined { .. } => Kind::Conflict,
        NodeError::Directory(FsError::Locked { .. }) => Kind::Conflict,
        NodeError::Refused => Kind::Denied,
        NodeError::Directory(_)
        | NodeError::Damaged { .. }
        | NodeError::Trust(_)
        | NodeError::Sandbox(_)
        | NodeError::Relay(_)
        | NodeError::Measure(_) => Kind::Failed,
    }
}

fn of_client(error: &ClientError) -> Kind {
    match error {
        ClientError::Problem(problem) => of_problem(problem.code),
        ClientError::Unreachable { .. }
        | ClientError::NotTrusted { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Broken { .. } => Kind::Unavailable,
        ClientError::NotAHeader { .. } => Kind::Usage,
        ClientError::SignedOut { .. } => Kind::Denied,
        ClientError::Foreign { .. }
        | ClientError::BadAnswer { .. }
        | ClientError::NotText { .. }
        | ClientError::AnswerTooLong { .. }
        | ClientError::Source { .. } => Kind::Failed,
    }
}

fn of_problem(code: ProblemCode) -> Kind {
    match code {
        ProblemCode::InvalidBody | ProblemCode::InvalidParameter => Kind::Usage,
        ProblemCode::NotFound | ProblemCode::BlobMissing => Kind::NotFound,
        ProblemCode::Unauthenticated
        | ProblemCode::SecondFactorRequired
        | ProblemCode::SecondFactorWrong
        | ProblemCode::Denied
        | ProblemCode::CrossOrigin
        | ProblemCode::SignatureRequired
        | ProblemCode::NotOwner => Kind::Denied,
        ProblemCode::IdempotencyInFlight
        | ProblemCode::IdempotencyMismatch
        | ProblemCode::NameTaken
        | ProblemCode::NameStopped
        | ProblemCode::NotFinished
        | ProblemCode::LeaseLost
        | ProblemCode::Conflict
        | ProblemCode::StaleSequence => Kind::Conflict,
        ProblemCode::BodyTooLarge
        | ProblemCode::RateLimited
        | ProblemCode::QueueFull
        | ProblemCode::QuotaExceeded
        | ProblemCode::StorageFull => Kind::Limited,
        ProblemCode::AuditUnavailable | ProblemCode::ProofPending | ProblemCode::Unavailable => {
            Kind::Unavailable
        }
        ProblemCode::DigestMismatch
        | ProblemCode::UploadBroken
        | ProblemCode::MethodNotAllowed
        | ProblemCode::UnsupportedMediaType
        | ProblemCode::PreconditionRequired
        | ProblemCode::RangeNotSatisfiable
        | ProblemCode::Internal
        | ProblemCode::CorruptObject
        | ProblemCode::FunctionFailed
        | ProblemCode::FunctionTimedOut
        | ProblemCode::OutcomeUnknown => Kind::Failed,
    }
}
