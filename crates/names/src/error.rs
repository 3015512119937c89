use casemate_ledger::Standing;
use casemate_model::{Digest, Name, StoreError, Timestamp};

use crate::Status;

/// Why an operation on names failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// Nobody holds the name.
    #[error("the name `{name}` is not claimed")]
    NotClaimed {
        /// The name asked for.
        name: Name,
    },
    /// Somebody holds the name.
    #[error("the name `{name}` is taken")]
    Taken {
        /// The name asked for.
        name: Name,
        /// Whether it is the caller's own project that holds it.
        own: bool,
    },
    /// A name above or below it is another project's.
    #[error("the name `{name}` goes with `{holder}`, which another project holds")]
    OfAnother {
        /// The name asked for.
        name: Name,
        /// The name that is held.
        holder: Name,
    },
    /// A name that is held looks the same.
    #[error("the name `{name}` looks like `{other}`, which is held")]
    LooksLike {
        /// The name asked for.
        name: Name,
        /// The name that is held.
        other: Name,
    },
    /// Another project had it until a while ago, or it was taken away from this one.
    #[error(
        "the name `{name}`, or one that looks like it, was given up by another project or taken away, and is free from {until} on"
    )]
    CoolingOff {
        /// The name asked for.
        name: Name,
        /// From when on it is free.
        until: Timestamp,
    },
    /// Nobody gets it.
    #[error(
        "the name `{name}` ends in a word that nobody gets: it means something else on networks, or to people"
    )]
    Reserved {
        /// The name asked for.
        name: Name,
    },
    /// It would be believed too easily.
    #[error(
        "the name `{name}` ends in a word that people trust; who runs the node may claim it for somebody"
    )]
    HighRisk {
        /// The name asked for.
        name: Name,
    },
    /// Another project holds the name.
    #[error("the name `{name}` belongs to another project")]
    NotOwner {
        /// The name asked for.
        name: Name,
    },
    /// The name was changed since the caller looked.
    #[error("the name `{name}` is at version {found}, not {expected}")]
    Stale {
        /// The name asked for.
        name: Name,
        /// The version that the caller knew.
        expected: u64,
        /// The version it has.
        found: u64,
    },
    /// Nothing with the digest is stored, so the name would mean nothing.
    #[error("no content with the digest {digest} is stored")]
    BlobMissing {
        /// The digest asked for.
        digest: Digest,
    },
    /// It may not be used.
    #[error("the name `{name}` {status}")]
    NotActive {
        /// The name asked for.
        name: Name,
        /// Why it may not.
        status: Status,
    },
    /// It is too early for that.
    #[error("that can be done to the name `{name}` from {from} on")]
    TooEarly {
        /// The name asked for.
        name: Name,
        /// From when on it can.
        from: Timestamp,
    },
    /// It ends with one above it.
    #[error("the name `{name}` is below one of another project, with which it ends at {expires}")]
    EndsWithAbove {
        /// The name asked for.
        name: Name,
        /// When that is.
        expires: Timestamp,
    },
    /// It was claimed or taken over a short while ago.
    #[error("the name `{name}` has changed hands a short while ago, and can be offered from {until} on")]
    Locked {
        /// The name asked for.
        name: Name,
        /// From when on it can.
        until: Timestamp,
    },
    /// It is offered to who holds it.
    #[error("the name `{name}` is that project's already")]
    OwnAlready {
        /// The name asked for.
        name: Name,
    },
    /// There is nothing to call off or to finish.
    #[error("nothing is open with the name `{name}`: neither an offer nor a change of keys")]
    NothingOpen {
        /// The name asked for.
        name: Name,
    },
    /// It was not offered to the project, or not lately.
    #[error("the name `{name}` is not offered to this project, or no longer")]
    NotOffered {
        /// The name asked for.
        name: Name,
    },
    /// It has no key that could name another owner.
    #[error("the name `{name}` has no recovery key")]
    NoRecovery {
        /// The name asked for.
        name: Name,
    },
    /// Only some may stop a name.
    #[error("the name `{name}` can be stopped by who runs the node, and by who holds a name above it")]
    NoPower {
        /// The name asked for.
        name: Name,
    },
    /// That was done already, or there is nothing to take back.
    #[error("the name `{name}` {} already", match standing {
        Standing::Good => "may be used",
        Standing::Suspended => "is suspended",
        Standing::Revoked => "is revoked",
    })]
    StandsAlready {
        /// The name asked for.
        name: Name,
        /// How it stands.
        standing: Standing,
    },
    /// Its owner has to sign that.
    #[error("changes of the name `{name}` need a signature by the key {signer}")]
    SignatureMissing {
        /// The name asked for.
        name: Name,
        /// The fingerprint of the key.
        signer: Digest,
    },
    /// Keys change hands by what those who have them sign.
    #[error("the keys of the name `{name}` are changed by a signed record, and nothing else")]
    OnlySigned {
        /// The name asked for.
        name: Name,
    },
    /// Whoever has to sign it did not.
    #[error("the record of the name `{name}` is not signed by those who have to sign it")]
    BadSignature {
        /// The name asked for.
        name: Name,
    },
    /// What was signed is not what would come of it.
    #[error("what was signed is not the next version of the name `{name}`")]
    SignedOtherwise {
        /// The name asked for.
        name: Name,
    },
    /// It was signed too long ago, or for too long, or the clocks differ.
    #[error(
        "the signed record of the name `{name}` may not be taken at this time: it says from {issued} until {take_until}"
    )]
    SignedForAnotherTime {
        /// The name asked for.
        name: Name,
        /// When it was signed.
        issued: Timestamp,
        /// Until when it may be taken.
        take_until: Timestamp,
    },
    /// Names are committed to here before they are claimed.
    #[error(
        "the name `{name}` has to be committed to before it is claimed, so that nobody who sees the claim is first"
    )]
    CommitmentMissing {
        /// The name asked for.
        name: Name,
    },
    /// There is no such commitment, or it was made just now or too long ago.
    #[error("this project made no such commitment to the name `{name}` between ten seconds and a day ago")]
    NotCommitted {
        /// The name asked for.
        name: Name,
    },
    /// A project has made too many that it has not revealed.
    #[error("this project has {} commitments already that are not revealed", crate::COMMITMENTS_MAX)]
    TooManyCommitments,
    /// It was changed again and again by others.
    #[error("the name `{name}` was changed by others again and again")]
    Contended {
        /// The name asked for.
        name: Name,
    },
    /// It has no such version, or none with a record.
    #[error("the name `{name}` {}", match sequence {
        0 => "was never claimed".to_owned(),
        _ => format!("has no version {sequence} with a record"),
    })]
    NoVersion {
        /// The name asked for.
        name: Name,
        /// The version asked for.
        sequence: u64,
    },
    /// Another node has the log that proves it.
    #[error("the node whose log is {origin} decided this, and it alone can prove it")]
    ProvedElsewhere {
        /// The name of that log.
        origin: String,
    },
    /// The registry could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
