//! Errors as people and scripts see them: a line that says what failed, its causes once, a way out, an exit code.

mod hint;
mod kind;
mod one_file;

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use casemate_api::{BaseUrlError, ClientError, TrustError};
use casemate_fs::FsError;
use casemate_ledger::verify::VerifyError;
use casemate_model::Digest;
use casemate_remote::BucketError;
use casemate_remote::deltaglider::DeltaGliderError;
use casemate_state::StateError;

use crate::address::{AddressError, ContentError};
use crate::config::ConfigError;
use crate::escape::escaped_line;
use crate::peppers::PepperError;
use crate::remote::RemoteAddressError;
use crate::serve::ServeError;
use crate::wire::StartError;

/// The exit code of a command that did not do what was asked.
pub(crate) const FAILED: u8 = 1;

/// The exit code of a check whose worst finding is a warning.
pub(crate) const WARNED: u8 = 8;

/// A part of the tour that comes from files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TourPart {
    /// A program.
    Guest,
    /// A text or picture.
    Data,
}

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// All is well.
    Done,
    /// The command said what is not well: a task failed, a check found something.
    Failed,
    /// The command found something that somebody should look at, and nothing worse.
    Warned,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A call to the node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// This machine, as a node of a server.
    #[error(transparent)]
    Node(#[from] casemate_node::NodeError),
    /// The name of a node.
    #[error(transparent)]
    NodeName(#[from] casemate_model::NodeNameError),
    /// The address of the node.
    #[error(transparent)]
    Url(#[from] BaseUrlError),
    /// The address of an object.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// What should name stored content.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The address of a bucket of somebody else's.
    #[error(transparent)]
    RemoteAddress(#[from] RemoteAddressError),
    /// A bucket of somebody else's could not be opened.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A bucket of somebody else's, in use.
    #[error(transparent)]
    DeltaGlider(#[from] DeltaGliderError),
    /// Which cache there is to be.
    #[error(transparent)]
    CacheSettings(#[from] casemate_cache::SettingsError),
    /// The directory that caches lie in.
    #[error(transparent)]
    Cache(#[from] casemate_cache::CacheError),
    /// A key that would name a file elsewhere.
    #[error("`{}` would not lie in the target directory; it was not written", name.escape_debug())]
    UnsafeName {
        /// The key, or its end.
        name: String,
    },
    /// `-` where only files can be.
    #[error("`-` is one stream: it cannot be listed, deleted, or copied to itself")]
    NotMany,
    /// One file for the state of several checks, or of none that has any.
    #[error("`{}` can hold the state of one address of a bucket elsewhere", path.display())]
    SharedState {
        /// The file.
        path: PathBuf,
    },
    /// Two files whose difference could not be made.
    #[error("the difference cannot be computed")]
    Difference {
        /// Why not.
        #[source]
        source: casemate_remote::deltaglider::CodecError,
    },
    /// A file or pipe where only a bucket can be.
    #[error("`{text}` is not the address of a bucket: expected s3://BUCKET, cm://BUCKET or the like")]
    NoBucket {
        /// What was written.
        text: String,
    },
    /// A copy of something onto itself.
    #[error("source and target are both {place}")]
    SamePlace {
        /// The place.
        place: String,
    },
    /// Nothing is there where something should be.
    #[error("there is nothing at {address}")]
    Nothing {
        /// The address.
        address: String,
    },
    /// A source in which there is nothing, where the target is to lose what the source lacks.
    #[error("the source {source_place} is empty: nothing was deleted")]
    SourceEmpty {
        /// The source.
        source_place: String,
    },
    /// An object is there, and its content is not.
    #[error("the content of {address} is missing or damaged on the node")]
    ContentLost {
        /// The object.
        address: String,
    },
    /// A version where none are kept.
    #[error("{place} has no versions: only objects in buckets of a node do")]
    NoVersions {
        /// What was named.
        place: String,
    },
    /// A bucket has no such rule.
    #[error("the bucket `{bucket}` has no rule `{id}`")]
    NoRule {
        /// The bucket.
        bucket: String,
        /// The rule.
        id: String,
    },
    /// A folder where an object should be.
    #[error("{address} names everything below it, not one object")]
    NeedsRecursive {
        /// The address.
        address: String,
    },
    /// A schedule that there is not.
    #[error("there is no schedule `{name}`; `casemate schedule ls` lists those that there are")]
    NoSchedule {
        /// What was given as its name.
        name: String,
    },
    /// A file that would be replaced by something else.
    #[error("`{path}` is there, and is no certificate: it is not replaced")]
    NotReplaced {
        /// The file.
        path: String,
    },
    /// A file of the user.
    #[error(transparent)]
    File(#[from] FsError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node that was to serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A part of the node.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The node's peppers.
    #[error(transparent)]
    Pepper(#[from] PepperError),
    /// The database.
    #[error(transparent)]
    State(#[from] StateError),
    /// The process itself.
    #[error("the program cannot start its threads")]
    Runtime {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output")]
    Output {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A new password that was typed in two ways.
    #[error("the two passwords are not the same; nothing was changed")]
    PasswordsDiffer,
    /// What the user gave to read.
    #[error("cannot read {what}")]
    Input {
        /// What.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What the user gave to write.
    #[error("cannot write {what}")]
    Write {
        /// What.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// More from standard input than is read ahead.
    #[error("standard input has more than {bytes_max} bytes, the most that is taken from there")]
    InputTooLong {
        /// The most.
        bytes_max: u64,
    },
    /// No place for our own files.
    #[error("there is no home directory: neither {variable} nor HOME is an absolute path")]
    NoHome {
        /// The variable that would do, too.
        variable: &'static str,
    },
    /// A file that should be text.
    #[error("`{}` is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A key that is not among the user's.
    #[error("none of your keys is `{name}`")]
    NoOwnerKey {
        /// What it is called, or its fingerprint.
        name: String,
    },
    /// There is a key of that name.
    #[error("you have a key `{name}` already")]
    OwnerKeyExists {
        /// What it is called.
        name: String,
    },
    /// A key's file is none.
    #[error("the file of the key `{name}` does not hold one")]
    OwnerKeyDamaged {
        /// What it is called.
        name: String,
    },
    /// A passphrase that does not open a key.
    #[error("this passphrase does not open the key `{name}`")]
    WrongPassphrase {
        /// What the key is called.
        name: String,
    },
    /// A passphrase that is tried out in no time.
    #[error("a passphrase has {min} characters or more")]
    ShortPassphrase {
        /// Fewest characters.
        min: usize,
    },
    /// A node drafted something else than was asked for.
    #[error("the node drafted another change of `{name}` than was asked for, so nothing was signed")]
    DraftDiffers {
        /// The name.
        name: String,
    },
    /// An answer of the node that does not hold what it must.
    #[error("{what} in the node's answer cannot be read")]
    OddAnswer {
        /// What cannot be read.
        what: &'static str,
    },
    /// A name that was never anything else, or not in that version.
    #[error("the name `{name}` has no {}", match version {
        Some(version) => format!("version {version} in which it meant something"),
        None => "earlier version to go back to".to_owned(),
    })]
    NoFormerVersion {
        /// The name.
        name: String,
        /// The version that was asked for.
        version: Option<u64>,
    },
    /// A name that cannot be sent.
    #[error("`{}` has a name that is not UTF-8", path.display())]
    PathNotText {
        /// The file.
        path: PathBuf,
    },
    /// A file of authorities that is none.
    #[error("`{}` cannot be used for --ca-file", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: TrustError,
    },
    /// A secret on an open wire.
    #[error("the API key would travel unencrypted to {url}")]
    KeyInClear {
        /// Where to.
        url: String,
    },
    /// A password on an open wire.
    #[error("the password would travel unencrypted to {url}")]
    PasswordInClear {
        /// Where to.
        url: String,
    },
    /// Signing in as a user to nowhere.
    #[error("name the node with --url: on its own machine its user is let in without signing in")]
    SignInWhere,
    /// A project where none can be chosen.
    #[error("--project cannot be used with --url: a key belongs to one project")]
    ProjectOverNetwork,
    /// `cp` between two files of this machine.
    #[error("a file cannot be copied to a file")]
    CopyFiles,
    /// `mv` between two files of this machine, which may be one.
    #[error("both places are on this machine and may be one file under two names; nothing was moved")]
    MoveHere,
    /// What arrived is not what was sent.
    #[error("the content of {what} has the digest {found}, not {expected}; it was not kept")]
    ContentDiffers {
        /// Of what.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: Digest,
    },
    /// A receipt or log that does not hold.
    #[error("{what} is refused")]
    Refused {
        /// What was checked.
        what: String,
        /// What does not hold, and where.
        #[source]
        source: VerifyError,
    },
    /// A text that should be a public key.
    #[error("cannot read the public key")]
    PublicKey(#[from] casemate_ledger::NodePublicKeyError),
    /// No key to check a log with.
    #[error("the key of the log in {what} is not known here")]
    KeyUnknown {
        /// Where the log is.
        what: String,
    },
    /// What is remembered of a node cannot be used.
    #[error("what was remembered in `{}` cannot be read", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
    },
    /// The tour lacks a guest or its data.
    #[error("the tour needs `{}`, which is not there", path.display())]
    TourFile {
        /// What is missing.
        path: PathBuf,
        /// Which part of the tour it is.
        part: TourPart,
    },
    /// A file that was to be restored is no backup.
    #[error("`{}` is no backup of a Casemate database, or a damaged one; nothing was replaced", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
    },
    /// Something of the tour did not go as it should.
    #[error("the tour expected {expected}, but {found}")]
    Tour {
        /// What should have happened.
        expected: String,
        /// What did.
        found: String,
    },
}

/// Tells the person what failed, and returns the exit code for it.
pub(crate) fn fail(error: &CliError) -> ExitCode {
    if let CliError::Output { source } = error
        && source.kind() == ErrorKind::BrokenPipe
    {
        // Whoever reads has seen enough.
        return ExitCode::SUCCESS;
    }
    drop(io::stderr().lock().write_all(describe(error).as_bytes()));
    ExitCode::from(kind::of(error).exit_code())
}

/// The error, its causes and the way out, a line each, whatever a stranger's name or answer in it contains.
pub(crate) fn describe(error: &CliError) -> String {
    let mut text = format!("error: {}\n", escaped_line(&error.to_string()));
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!("  because: {}\n", escaped_line(&inner.to_string())));
        cause = inner.source();
    }
    if let Some(hint) = hint::of(error) {
        text.push_str(&format!("hint: {}\n", escaped_line(&hint)));
    }
    if let CliError::Client(ClientError::Problem(problem)) = error
        && problem.status >= 500
    {
        text.push_str(&format!("request: {}\n", problem.request));
    }
    text
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use casemate_api::{Problem, ProblemCode};

    #[test]
    fn an_error_its_causes_and_the_way_out() {
        let inner = FsError::NobodyListens { path: PathBuf::from("/d/casemate.sock") };
        let error = ClientError::Unreachable { address: "/d/casemate.sock".to_owned(), source: inner.into() };
        assert_eq!(
            describe(&error.into()),
            "error: cannot reach the node at /d/casemate.sock\n  \
             because: nobody listens on `/d/casemate.sock`; is the node running?\n\
             hint: start a node with `casemate serve`, or name one with --data-dir, --socket or --url\n"
        );
    }

    #[test]
    fn the_node_has_the_word_on_its_own_problems() {
        let problem = Problem::new(ProblemCode::NameTaken, "the name `a` is taken").with_hint("take `b`");
        let error = CliError::from(ClientError::Problem(Box::new(problem)));
        assert_eq!(describe(&error), "error: the name `a` is taken\nhint: take `b`\n");
        assert_eq!(kind::of(&error).exit_code(), 5);
    }

    #[test]
    fn what_strangers_write_stays_on_its_line() {
        let key = "a\nhint: run this\x1b[2J\u{202e}".to_owned();
        let source = "no\r\nerror: yes\u{9b}".into();
        let error = CliError::Bucket(BucketError::Unavailable { action: "read", key, source });
        let text = describe(&error);
        assert!(
            text.starts_with(
                "error: cannot read `a^Jhint: run this^[[2J\\u{202e}`: the bucket did not answer as it should\n  \
                 because: no^M^Jerror: yes\\u{9b}\nhint: "
            ),
            "{text}"
        );
    }

    #[test]
    fn a_failure_of_the_node_names_the_request() {
        let problem = Problem::new(ProblemCode::Internal, "the node failed").with_request("req_1");
        let error = CliError::from(ClientError::Problem(Box::new(problem)));
        let text = describe(&error);
        assert!(text.ends_with("request: req_1\n"), "{text}");
        assert_eq!(kind::of(&error).exit_code(), 1);
    }
}
