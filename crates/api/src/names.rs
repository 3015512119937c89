//! Names that mean content.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A name and what it is to mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimName {
    /// The name.
    #[schema(example = "wordcount.tools")]
    pub name: String,
    /// The content that it means. It must be stored already.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: String,
    /// What it says in DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<NameDns>,
    /// Words that you sort it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The nonce of the commitment to it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// What hides a name that is about to be claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitName {
    /// The SHA-256 of the lines `casemate name commitment v1`, project, name and nonce.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub commitment: String,
}

/// A commitment to a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameCommitment {
    /// It.
    pub commitment: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub made: String,
    /// From when on a claim can reveal it.
    #[schema(format = DateTime)]
    pub from: String,
    /// Until when.
    #[schema(format = DateTime)]
    pub until: String,
}

/// What a name is to mean and say from now on; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateName {
    /// The content that it means. It must be stored already.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it says in DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<NameDns>,
    /// Words that you sort it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// What a name says in DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameDns {
    /// Seconds that an answer may be kept, 1 to 86400.
    #[serde(default = "ttl_default")]
    pub ttl: u32,
    /// Records as `[PREFIX ]TYPE DATA`, of the types A, AAAA, CNAME, TXT, SRV, SVCB and HTTPS.
    #[schema(example = json!(["A 192.0.2.1", "_http._tcp SRV 0 5 443 host.example"]))]
    pub records: Vec<String>,
}

fn ttl_default() -> u32 {
    300
}

/// Who may take a name over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferName {
    /// The project.
    pub to: String,
}

/// How a name is taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptName {
    /// What it is to mean; what it means, if absent. Your project must have the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Why a name is stopped, or no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopName {
    /// The reason, for the audit log; at most 500 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A change that somebody wants to sign. Which of the others must be there follows from the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftName {
    /// The change: one of those that owners sign.
    pub change: NameChange,
    /// The content that it is to mean: of claimed, updated and transferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it is to say in DNS: of claimed and updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<NameDns>,
    /// Words to sort it by: of claimed and updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The project that it is offered to: of offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The key that is to sign its changes: of claimed, transferred and rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The key that can name another owner: of claimed, transferred and rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<String>,
    /// The key that is to come in the place of the owner's: of recovering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

/// A version of a name that somebody may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameDraft {
    /// The canonical bytes of its record in base64.
    pub record: String,
    /// The version that it comes after, as that was signed; null for a claim.
    #[schema(required = true)]
    pub former: Option<String>,
}

/// The signed record of a version of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameRecord {
    /// Its canonical bytes in base64.
    pub record: String,
    /// The nonce of the commitment to it, if it is a claim with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// Whether a name would be the caller's project's, if it claimed it at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameCheck {
    /// The name.
    #[schema(example = "wordcount.tools")]
    pub name: String,
    /// As people read it: with Unicode in the place of what encodes it.
    pub unicode: String,
    /// Whether a claim would be granted.
    pub free: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A name that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Name {
    /// The name.
    #[schema(example = "wordcount.tools")]
    pub name: String,
    /// The project that owns it.
    pub project: String,
    /// Counts its lives from 1: each claim begins one.
    pub epoch: u64,
    /// Counts its versions from 1, also across owners. It never goes back; send it as `If-Match` to change the name.
    pub sequence: u64,
    /// Whether it may be used.
    pub status: NameStatus,
    /// When what the status is about is over: when it lapses, or is gone.
    #[schema(format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The content that it means; null while it may not be used.
    #[schema(required = true)]
    pub digest: Option<String>,
    /// What it says in DNS; null while it may not be used.
    #[schema(required = true)]
    pub dns: Option<NameDns>,
    /// Words that its holder sorts it by.
    pub tags: Vec<String>,
    /// The key whose signature its changes need; null if the project alone decides.
    #[schema(required = true)]
    pub owner: Option<String>,
    /// The key that can name another owner.
    #[schema(required = true)]
    pub recovery: Option<String>,
    /// The key that is to come in the place of the owner's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// The project that may take it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_to: Option<String>,
    /// When what is open with it is decided: its offer is over, or its successor can come in the place of its owner.
    #[schema(format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// What its newest version changed.
    pub change: NameChange,
    /// The digest of its newest version's record.
    pub record: String,
    /// When its present owner got it.
    #[schema(format = DateTime)]
    pub claimed: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated: String,
    /// When it ends unless it is renewed.
    #[schema(format = DateTime)]
    pub expires: String,
    /// From when on it can be offered.
    #[schema(format = DateTime)]
    pub locked_until: String,
    /// How it is known, where one name is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// How what a name means is known, and how old that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resolution {
    /// How.
    pub kind: ResolutionKind,
    /// How long ago it was certainly so: 0 if strict, null if offline.
    #[schema(required = true)]
    pub age_ms: Option<u64>,
}

/// How what a name means is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionKind {
    /// Who decides was asked.
    Strict,
    /// It was so a while ago; how long is said.
    Bounded,
    /// It was so once, by a proof that holds and has not expired; whether there is anything newer is not known.
    Offline,
}

impl ResolutionKind {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Bounded => "bounded",
            Self::Offline => "offline",
        }
    }
}

/// Whether a name may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NameStatus {
    /// It may.
    Active,
    /// It was not renewed, and its holder can still do so.
    Grace,
    /// It may not, for now.
    Suspended,
    /// One above it may not be used.
    SuspendedAbove,
    /// It was taken away, which can still be taken back.
    Revoked,
    /// It was released, or taken, or nobody renewed it: it is nobody's.
    Ended,
}

impl NameStatus {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Grace => "grace",
            Self::Suspended => "suspended",
            Self::SuspendedAbove => "suspended_above",
            Self::Revoked => "revoked",
            Self::Ended => "ended",
        }
    }
}

/// One version of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameVersion {
    /// The name.
    pub name: String,
    /// The project that owned it.
    pub project: String,
    /// Which life of the name it belongs to.
    pub epoch: u64,
    /// The version's place in the history.
    pub sequence: u64,
    /// What happened.
    pub kind: NameChange,
    /// What the name meant from then on; null after its end.
    #[schema(required = true)]
    pub digest: Option<String>,
    /// Who did it.
    #[schema(example = "uid:1000")]
    pub actor: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The digest of its record; null for versions from before there were records.
    #[schema(required = true)]
    pub record: Option<String>,
    /// What it said in DNS; null for versions from before there were records.
    #[schema(required = true)]
    pub dns: Option<NameDns>,
    /// Words that its holder sorted it by; null for versions from before there were records.
    #[schema(required = true)]
    pub tags: Option<Vec<String>>,
}

macro_rules! changes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// What a version of a name changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum NameChange {
            $($(#[$doc])* $variant,)+
        }

        impl NameChange {
            /// The text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

changes! {
    /// It was claimed.
    Claimed = "claimed",
    /// It means or says something else.
    Updated = "updated",
    /// It ends later.
    Renewed = "renewed",
    /// Another project may take it over.
    Offered = "offered",
    /// An offer or a change of keys was called off.
    Withdrawn = "withdrawn",
    /// That project does not want it.
    Declined = "declined",
    /// That project took it over.
    Transferred = "transferred",
    /// It has other keys.
    Rotated = "rotated",
    /// Another key is to come in the place of a lost one.
    Recovering = "recovering",
    /// That key counts.
    Recovered = "recovered",
    /// It may not be used for now.
    Suspended = "suspended",
    /// It may be used again.
    Resumed = "resumed",
    /// It was taken away.
    Revoked = "revoked",
    /// It was given up.
    Released = "released",
    /// It was not renewed.
    Lapsed = "lapsed",
    /// It was revoked a while ago, and is gone.
    Removed = "removed",
}
