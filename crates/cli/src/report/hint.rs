use std::io::ErrorKind;

use casemate_api::{ClientError, Problem, ProblemCode};
use casemate_control::ControlError;
use casemate_encryption::KeyFileError;
use casemate_fs::FsError;
use casemate_ledger::verify::{Place, Problem as Wrong, VerifyError};
use casemate_node::NodeError;
use casemate_objects::EncryptionError;
use casemate_remote::deltaglider::DeltaGliderError;
use casemate_remote::{BucketError, ServerFault};
use casemate_state::StateError;

use super::{CliError, TourPart};
use crate::peppers::PepperError;
use crate::remote::RemoteAddressError;
use crate::serve::ServeError;
use crate::wire::StartError;

/// The way out, where there is one to tell.
pub(super) fn of(error: &CliError) -> Option<String> {
    let fixed = match error {
        CliError::Client(error) => return of_client(error),
        CliError::Refused { source, .. } => of_refusal(source)?,
        CliError::NoOwnerKey { .. }
        | CliError::OwnerKeyExists { .. }
        | CliError::OwnerKeyDamaged { .. }
        | CliError::WrongPassphrase { .. }
        | CliError::DraftDiffers { .. } => of_owner_key(error),
        CliError::Config(_) => "`casemate config show` prints every key with its value",
        CliError::NoHome { variable } => return Some(set_home(variable)),
        CliError::KeyInClear { .. } => ENCRYPT,
        CliError::PasswordInClear { .. } => TUNNEL,
        CliError::Authorities { .. } => "name the certificate of the authority that signed the node's",
        CliError::ContentLost { .. } => PUT_AGAIN,
        CliError::MoveHere => "copy it with `casemate cp`, look at the copy, then remove the old file",
        CliError::CopyFiles => "objects have addresses: cm://BUCKET/KEY",
        CliError::ContentDiffers { .. } => LOOK_INSIDE,
        CliError::KeyUnknown { .. } => KEY_UNKNOWN,
        CliError::InputTooLong { .. } => STORE_INPUT,
        CliError::Memory { .. } => MEMORY,
        CliError::TourFile { part: TourPart::Guest, .. } => BUILD_GUESTS,
        CliError::TourFile { part: TourPart::Data, .. } => TOUR_FILE,
        CliError::CacheSettings(_) => "`casemate cache show --help` lists every setting of the cache",
        CliError::Cache(_) => CACHE,
        CliError::NoBackup { .. } => "`casemate db backup FILE` writes one",
        CliError::Node(error) => return of_node(error),
        CliError::NodeName(_) => "name the node with --name",
        CliError::Serve(error) => return of_serve(error).map(str::to_owned),
        CliError::Start(error) => return of_start(error).map(str::to_owned),
        CliError::Pepper(error) => return of_pepper(error).map(str::to_owned),
        CliError::State(error) => return of_state(error).map(str::to_owned),
        CliError::Bucket(error) => return of_bucket(error).map(str::to_owned),
        CliError::DeltaGlider(error) => return of_delta_glider(error).map(str::to_owned),
        CliError::NeedsRecursive { .. } => "add -r for all of them",
        CliError::UnsafeName { .. } => "leave it out with --exclude, or copy it alone under another name",
        CliError::NoBucket { .. } => "`casemate cp -r` and `casemate sync` copy directories",
        CliError::SharedState { .. } => "name one address with --state, such as s3://BUCKET",
        CliError::SamePlace { .. } => "name another bucket, or another prefix",
        CliError::NotMany => "name a file, a directory or an address",
        CliError::Nothing { .. } => "`casemate ls -r` on the bucket shows what is there",
        CliError::SourceEmpty { .. } => ALLOW_EMPTY,
        CliError::NoRule { .. } => "`casemate bucket rule ls BUCKET` lists them",
        CliError::RemoteAddress(RemoteAddressError::NotABucket(_)) => "name the bucket alone: s3://BUCKET",
        CliError::RemoteAddress(_)
        | CliError::Url(_)
        | CliError::Address(_)
        | CliError::Content(_)
        | CliError::File(_)
        | CliError::Runtime { .. }
        | CliError::Output { .. }
        | CliError::Input { .. }
        | CliError::Write { .. }
        | CliError::NotText { .. }
        | CliError::PathNotText { .. }
        | CliError::NoSchedule { .. }
        | CliError::NoFormerVersion { .. }
        | CliError::ShortPassphrase { .. }
        | CliError::OddAnswer { .. }
        | CliError::NotReplaced { .. }
        | CliError::ProjectOverNetwork
        | CliError::SignInWhere
        | CliError::NoVersions { .. }
        | CliError::PublicKey(_)
        | CliError::Difference { .. }
        | CliError::PasswordsDiffer
        | CliError::Tour { .. } => return None,
    };
    Some(fixed.to_owned())
}

fn of_owner_key(error: &CliError) -> &'static str {
    match error {
        CliError::OwnerKeyExists { .. } => "choose another name; a key is never replaced",
        CliError::OwnerKeyDamaged { .. } => "bring its file back from where you keep a copy",
        CliError::NoOwnerKey { name } if name.starts_with("sha256:") => {
            "run it where that key is; if it is lost, `casemate name recover` puts another in its place"
        }
        CliError::WrongPassphrase { .. } => "type it on a terminal, or give it on standard input, in a line",
        CliError::DraftDiffers { .. } => "tell its operator, and sign nothing with it until you know why",
        _ => "`casemate name key list` lists them, and `casemate name key create KEY` makes one",
    }
}

fn set_home(variable: &str) -> String {
    format!("set HOME or {variable} to an absolute path")
}

const BUILD_GUESTS: &str = "build the guests with `make guests`, or name their directory with --guests";
const KEY_UNKNOWN: &str =
    "name it with --key: `casemate audit checkpoint --key` prints it on the node, or verify a receipt first";
const MEMORY: &str = "somebody changed it; compare the node's key with its operator, then remove the file";
const TOUR_FILE: &str = "go to the root of the sources, or name the directory of the tour's data with --data";
const CACHE: &str =
    "make its directory yours alone, name another one with --cache-dir, or none with --no-cache";
const STORE_INPUT: &str =
    "name a file instead; an input of a run can be stored with `casemate cp - cm://BUCKET/KEY` first";

const ENCRYPT: &str = "name an https:// address, use a tunnel to loopback (ssh -L 7070:127.0.0.1:7070 HOST), or send it anyway with --insecure";

const TUNNEL: &str =
    "name an https:// address, or use a tunnel to loopback (ssh -L 7070:127.0.0.1:7070 HOST)";

const LOOK_INSIDE: &str = "try again; if it stays so, `casemate doctor` and `casemate db check`";

const PUT_AGAIN: &str =
    "put the same content again; on the node, `casemate fsck --objects` names everything that is missing";

const ALLOW_EMPTY: &str =
    "see that it is the right place; --allow-empty deletes everything in the target all the same";

fn of_bucket(error: &BucketError) -> Option<&'static str> {
    match error.server_fault() {
        Some(ServerFault::Unreachable { .. }) => {
            return Some(
                "see that --endpoint-url names the server and its port, and that it runs and can be reached",
            );
        }
        Some(ServerFault::NoBucket { .. }) => {
            return Some(
                "`casemate ls s3://` lists the buckets; --endpoint-url and --region name another server",
            );
        }
        Some(ServerFault::NotS3 { .. }) => {
            return Some(
                "see that --endpoint-url names a server of S3, not its web page or a proxy that wants a login",
            );
        }
        Some(ServerFault::Elsewhere { .. }) => {
            return Some("name the bucket's own region with --region, or its server with --endpoint-url");
        }
        Some(
            ServerFault::AnswerTooLong { .. }
            | ServerFault::PageTooLong { .. }
            | ServerFault::PagesRepeat
            | ServerFault::PagesEmpty { .. },
        ) => {
            return Some(
                "see that --endpoint-url names a server that you trust; this one answers without end",
            );
        }
        Some(ServerFault::Refused { .. }) | None => {}
    }
    match error {
        BucketError::Denied { .. } => Some("name other credentials with --profile, or set AWS_ACCESS_KEY_ID"),
        BucketError::Unavailable { .. } => Some(
            "see that the bucket exists, that --endpoint-url and --region name its server, and that there are credentials (--profile, or AWS_ACCESS_KEY_ID)",
        ),
        BucketError::Settings(_) => Some("--profile, --region and --endpoint-url come before what files say"),
        BucketError::TooMany { .. } => Some("name a longer prefix"),
        _ => None,
    }
}

fn of_delta_glider(error: &DeltaGliderError) -> Option<&'static str> {
    match error {
        DeltaGliderError::Bucket(error) => of_bucket(error),
        DeltaGliderError::NeedsRescue { .. } => Some("`casemate rescue ADDRESS --to DIR` brings it back"),
        DeltaGliderError::Conflict { .. } => Some("somebody else writes there; try again"),
        DeltaGliderError::NotFound { .. } => Some("`casemate ls -r` on the bucket shows what is there"),
        _ => None,
    }
}

fn of_serve(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::Start(error) => of_start(error),
        ServeError::Control(ControlError::LogOfAnother { .. }) => Some(
            "bring back the database that belongs to it with `casemate db restore FILE`, which also sets the log aside",
        ),
        _ => None,
    }
}

fn of_pepper(error: &PepperError) -> Option<&'static str> {
    Some(match error {
        PepperError::Other { .. } => {
            "copy the files `pepper.*` from `secrets/` of a node that uses the database, with mode 0600"
        }
        PepperError::Missing { .. } => {
            "bring it back from a backup or another node; if it is lost, `casemate pepper retire` gives it up"
        }
        PepperError::Sealing { .. } => {
            "see `pepper_version` in the configuration, and `casemate pepper list`"
        }
        PepperError::Unknown { .. } => "`casemate pepper list` shows which there are",
        PepperError::Stranger { .. } => {
            "name the node's own configuration with --config; if the version was never used, start the node once"
        }
        PepperError::InUse { .. } => "`casemate pepper rotate` makes the next one",
        PepperError::LeanedOn { .. } => {
            "wait until they have ended or were exchanged (`casemate key rotate`), or end them with --force"
        }
        PepperError::Store(_) => return None,
    })
}

fn of_start(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::State(error) => of_state(error),
        StartError::Pepper(error) => of_pepper(error),
        StartError::Listen { source, .. } => Some(match source.kind() {
            ErrorKind::AddrInUse => "choose another with --listen, or stop who listens there",
            ErrorKind::AddrNotAvailable => "it is no address of this machine: choose one with --listen",
            ErrorKind::PermissionDenied => "ports below 1024 are for root: choose another with --listen",
            _ => "choose another with --listen",
        }),
        StartError::Tls(_) => Some(
            "see `tls_certificate_file` and `tls_key_file`: the whole chain, and its key with mode 0600, both in PEM",
        ),
        StartError::Encryption(EncryptionError::NoMasterKey) => {
            Some("set `encryption_key_file` to the file of the key that it was encrypted under")
        }
        StartError::Encryption(
            EncryptionError::RootKeyMissing
            | EncryptionError::OtherRootKey
            | EncryptionError::Key(KeyFileError::Damaged),
        ) => Some("put `objects/encryption.key` back from a backup: without it the content cannot be read"),
        StartError::Encryption(EncryptionError::Key(KeyFileError::OtherKey { .. })) => Some(
            "set `encryption_key_file` to that key, or `former_encryption_key_file` if it is to be exchanged",
        ),
        StartError::Directory(FsError::Locked { .. }) => None,
        StartError::Directory(_) => {
            Some("make it yours alone (owner and mode 0700), or name another directory with --data-dir")
        }
        _ => None,
    }
}

fn of_state(error: &StateError) -> Option<&'static str> {
    match error {
        StateError::Unreachable { .. } => {
            Some("see that PostgreSQL runs and that the URL in `database_url_file` names it")
        }
        StateError::Directory(FsError::AlreadyExists { .. }) => Some("choose a name that is free"),
        _ => None,
    }
}

fn of_node(error: &NodeError) -> Option<String> {
    let fixed = match error {
        NodeError::Client(error) => return of_client(error),
        NodeError::NotJoined => {
            "join first: `casemate node join URL --token …`; `casemate node token` makes a token on the server"
        }
        NodeError::Joined { .. } => {
            "go on with `casemate node run`, or remove the directory and the node (`casemate node rm`) to join anew"
        }
        NodeError::Damaged { .. } => "remove the node's directory and join anew",
        NodeError::Refused => "join anew with another --directory, or see `casemate node ls` on the server",
        NodeError::Sandbox(_) => "`casemate doctor` says which walls this machine has",
        NodeError::Relay(_) => "choose another address for --relay-listen and --relay-address",
        NodeError::Directory(_) | NodeError::Trust(_) | NodeError::Measure(_) => return None,
    };
    Some(fixed.to_owned())
}

fn of_refusal(error: &VerifyError) -> Option<&'static str> {
    if let Wrong::NotWitnessed { .. } = error.problem {
        return Some("take the proof again: its node asks witnesses a second after a change");
    }
    match error.place {
        Place::Key => {
            Some("another key signed this: ask the node's operator over another channel which key is theirs")
        }
        Place::KnownCheckpoint => {
            Some("keep both: the remembered checkpoint and this one prove that the node changed its history")
        }
        Place::Output => Some("this file is not what the run gave"),
        Place::Signer => Some("the log does not name this key as that of the node that ran the task"),
        Place::Bundle
        | Place::Receipt
        | Place::Record
        | Place::Entry(_)
        | Place::Leaf
        | Place::Proof
        | Place::Checkpoint
        | Place::File(_) => None,
    }
}

fn of_client(error: &ClientError) -> Option<String> {
    let fixed = match error {
        ClientError::Problem(problem) => return of_problem(problem),
        ClientError::Unreachable { .. } => {
            "start a node with `casemate serve`, or name one with --data-dir, --socket or --url"
        }
        ClientError::NotTrusted { .. } => {
            "name the authority of its certificate with --ca-file, and the node as the certificate does; a node without TLS has an http:// address"
        }
        ClientError::TimedOut { .. } => "see whether the node is busy: `casemate doctor`",
        ClientError::Broken { .. } => "the node may have stopped; whether the change happened is not known",
        ClientError::Foreign { .. } => "see that --url names a Casemate node and no proxy stands between",
        ClientError::BadAnswer { .. } | ClientError::NotText { .. } | ClientError::AnswerTooLong { .. } => {
            "compare `casemate --version` with the node's, which `casemate doctor` shows"
        }
        ClientError::SignedOut { .. } => "sign in again with `casemate login USER`",
        ClientError::Source { .. } | ClientError::NotAHeader { .. } => return None,
    };
    Some(fixed.to_owned())
}

fn of_problem(problem: &Problem) -> Option<String> {
    // Here the node speaks of HTTP, which a person at a terminal does not.
    let in_words = matches!(problem.code, ProblemCode::Unauthenticated | ProblemCode::NotFinished);
    if problem.hint.is_some() && !in_words {
        return problem.hint.clone();
    }
    let fixed = match problem.code {
        ProblemCode::Unauthenticated => {
            "name an API key with --api-key-file, sign in with `casemate login USER`, or use the node's socket"
        }
        ProblemCode::SecondFactorRequired | ProblemCode::SecondFactorWrong => {
            "type the code that the app shows now, or a recovery code; each is good once"
        }
        ProblemCode::Denied => "`casemate key create` makes a key with the role and scopes that it needs",
        ProblemCode::NotOwner | ProblemCode::NameTaken => "`casemate name show NAME` says who holds it",
        ProblemCode::NameStopped => {
            "`casemate name history NAME` says who stopped it, and `casemate name show NAME` until when, if that is sure"
        }
        ProblemCode::SignatureRequired => {
            "`casemate name show NAME` says which key owns it; `casemate name key list` lists yours"
        }
        ProblemCode::NotFinished => {
            "`casemate task wait TASK` waits for it, `casemate task logs -f TASK` shows what it writes"
        }
        ProblemCode::StaleSequence => "look at it again with `casemate name show NAME`, then decide",
        ProblemCode::BlobMissing => "store it first: `casemate cp FILE cm://BUCKET/KEY`",
        ProblemCode::IdempotencyInFlight => "ask again in a moment, with the same key",
        ProblemCode::IdempotencyMismatch => "take a new key for another request",
        ProblemCode::RateLimited | ProblemCode::QueueFull => "wait a moment and try again",
        ProblemCode::LeaseLost => "the task is another's by now; nothing is left to do",
        ProblemCode::StorageFull => "free some space on the node's disk",
        ProblemCode::QuotaExceeded => "`casemate bucket usage` shows what is used; older versions count too",
        ProblemCode::AuditUnavailable | ProblemCode::Unavailable => {
            "nothing was changed; `casemate doctor` looks at the node"
        }
        ProblemCode::ProofPending => "try again in a second",
        ProblemCode::FunctionFailed | ProblemCode::FunctionTimedOut => "`casemate fn logs NAME` says more",
        ProblemCode::OutcomeUnknown => "look whether the change happened before you try again",
        ProblemCode::CorruptObject => {
            "the damaged content was set aside; bring back a backup or store it again"
        }
        ProblemCode::InvalidBody
        | ProblemCode::InvalidParameter
        | ProblemCode::DigestMismatch
        | ProblemCode::UploadBroken
        | ProblemCode::CrossOrigin
        | ProblemCode::NotFound
        | ProblemCode::MethodNotAllowed
        | ProblemCode::Conflict
        | ProblemCode::BodyTooLarge
        | ProblemCode::UnsupportedMediaType
        | ProblemCode::PreconditionRequired
        | ProblemCode::RangeNotSatisfiable
        | ProblemCode::Internal => return None,
    };
    Some(fixed.to_owned())
}
