//! Saying that one is about to claim a name before saying which: whoever sees the claim on its way comes too late then.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{Digest, Entropy, Name, Project, Timestamp};
use casemate_policy::{Permit, operation};

use crate::{Names, NamesError};

/// How old a commitment is at least when it is revealed.
pub const COMMITMENT_AGE_MIN: Duration = Duration::from_secs(10);

/// How old it is at most.
pub const COMMITMENT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Commitments of one project that wait to be revealed.
pub const COMMITMENTS_MAX: u32 = 1_000;

/// Whether claims have to be committed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commitments {
    /// Whoever wants does.
    #[default]
    Optional,
    /// They have to be, but those of who runs the node.
    Required,
}

/// What hides a name in a commitment. Text form: 64 hexadecimal digits in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce([u8; 32]);

/// Text that is no [`Nonce`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a nonce is 64 hexadecimal digits in lower case")]
pub struct NonceError;

impl Nonce {
    /// A new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// What a project says that is about to claim `name`: the SHA-256 of four lines of text.
    pub fn commitment(&self, project: &Project, name: &Name) -> Digest {
        Digest::of(format!("casemate name commitment v1\n{project}\n{name}\n{self}\n").as_bytes())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// It is a secret until it is revealed.
impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}

impl FromStr for Nonce {
    type Err = NonceError;

    fn from_str(text: &str) -> Result<Self, NonceError> {
        // A digest has the same digits.
        let digest: Digest = format!("sha256:{text}").parse().map_err(|_| NonceError)?;
        Ok(Self(*digest.as_bytes()))
    }
}

/// A commitment that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommitment {
    /// It.
    pub commitment: Digest,
    /// Who made it.
    pub project: Project,
    /// When.
    pub made: Timestamp,
}

/// A commitment that a claim reveals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revealed {
    /// It.
    pub commitment: Digest,
    /// When it has to have been made at the earliest.
    pub from: Timestamp,
    /// And at the latest.
    pub until: Timestamp,
}

impl Revealed {
    /// What a claim at `now` reveals.
    pub(crate) fn new(commitment: Digest, now: Timestamp) -> Self {
        let (from, until) = (now.saturating_sub(COMMITMENT_AGE_MAX), now.saturating_sub(COMMITMENT_AGE_MIN));
        Self { commitment, from, until }
    }
}

impl Names {
    /// The same, with claims that have to be committed to, or not.
    pub fn with_commitments(self, commitments: Commitments) -> Self {
        Self { commitments, ..self }
    }

    /// Keeps a commitment. Returns when it was made first: to say the same twice changes nothing.
    pub async fn commit(
        &self,
        permit: &Permit<operation::CommitName>,
        commitment: Digest,
        (at, event): (Timestamp, Event),
    ) -> Result<Timestamp, NamesError> {
        let new = NewCommitment { commitment, project: permit.project().clone(), made: at };
        self.registry.commit(&new, event).await?.ok_or(NamesError::TooManyCommitments)
    }
}
