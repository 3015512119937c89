use casemate_model::{Digest, Name, Project, Timestamp};

/// A name that is held, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// The name.
    pub name: Name,
    /// The project that owns it.
    pub project: Project,
    /// Counts the versions of the name from 1, also across owners; it never goes back.
    pub sequence: u64,
    /// What the name means.
    pub digest: Digest,
    /// When the present owner claimed it.
    pub claimed: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// One entry of a name's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameVersion {
    /// The name.
    pub name: Name,
    /// The project that owned it.
    pub project: Project,
    /// The version's place in the history.
    pub sequence: u64,
    /// What happened.
    pub kind: NameVersionKind,
    /// What the name meant from then on; `None` after a release.
    pub digest: Option<Digest>,
    /// Who did it, as the audit log spells it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameVersionKind {
    /// It was claimed.
    Claimed,
    /// It was pointed at another digest.
    Updated,
    /// It was released.
    Released,
}

impl NameVersionKind {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Updated => "updated",
            Self::Released => "released",
        }
    }

    /// Reads the text form.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Claimed, Self::Updated, Self::Released].into_iter().find(|kind| kind.as_str() == text)
    }
}
