//! Names that mean content.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A name and what it is to mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimName {
    /// The name.
    #[schema(example = "wordcount.tools")]
    pub name: String,
    /// The content that it means. It must be stored already.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: String,
}

/// What a name is to mean from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateName {
    /// The content that it means. It must be stored already.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: String,
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
    /// Counts its versions from 1, also across owners. It never goes back; send it as `If-Match` to change the name.
    pub sequence: u64,
    /// The content that it means.
    pub digest: String,
    /// When its present owner claimed it.
    #[schema(format = DateTime)]
    pub claimed: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated: String,
}

/// One version of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameVersion {
    /// The name.
    pub name: String,
    /// The project that owned it.
    pub project: String,
    /// The version's place in the history.
    pub sequence: u64,
    /// What happened.
    pub kind: NameChange,
    /// What the name meant from then on; null after a release.
    #[schema(required = true)]
    pub digest: Option<String>,
    /// Who did it.
    #[schema(example = "uid:1000")]
    pub actor: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NameChange {
    /// It was claimed.
    Claimed,
    /// It was pointed at other content.
    Updated,
    /// It was released.
    Released,
}

impl NameChange {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Updated => "updated",
            Self::Released => "released",
        }
    }
}
