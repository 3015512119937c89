use casemate_ledger::{NameChange, NameRecord, OwnerPublicKey};
use casemate_model::{Digest, DnsRecords, Project, Tags};

/// What somebody wants done with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Have it, of those that nobody has.
    Claim {
        /// What it is to mean.
        content: Content,
        /// Whose signatures its changes are to need.
        keys: Keys,
    },
    /// Have it mean or say something else.
    Update(Edit),
    /// Keep it for longer.
    Renew,
    /// Let another project take it over.
    Offer {
        /// That project.
        to: Project,
    },
    /// Call off an offer or a change of keys.
    Withdraw,
    /// Not want what was offered.
    Decline,
    /// Take over what was offered.
    Accept {
        /// What it is to mean; what it means, if nothing is said.
        digest: Option<Digest>,
        /// Whose signatures its changes are to need.
        keys: Keys,
    },
    /// Have it need other signatures.
    Rotate(Keys),
    /// Put another key in the place of a lost one, when nobody objects for a while.
    Recover {
        /// That key.
        successor: OwnerPublicKey,
    },
    /// Have that key count, now that nobody has objected.
    FinishRecovery,
    /// Let nobody use it for now.
    Suspend,
    /// Let it be used again.
    Resume,
    /// Take it away.
    Revoke,
    /// Give it up.
    Release,
}

/// What a name means and says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The content that it means.
    pub digest: Digest,
    /// What it says in DNS.
    pub dns: DnsRecords,
    /// Words that its holder sorts it by.
    pub tags: Tags,
}

/// What is to be different; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The content that it means.
    pub digest: Option<Digest>,
    /// What it says in DNS.
    pub dns: Option<DnsRecords>,
    /// Words that its holder sorts it by.
    pub tags: Option<Tags>,
}

/// The keys of a name; without an owner's, the project alone decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Signs all changes that its holder makes.
    pub owner: Option<OwnerPublicKey>,
    /// Can name another owner.
    pub recovery: Option<OwnerPublicKey>,
}

impl Order {
    /// What somebody who signed `record` wants done; `None` if that is nothing that people sign.
    pub fn of(record: &NameRecord) -> Option<Self> {
        let keys = || Keys { owner: record.owner.clone(), recovery: record.recovery.clone() };
        Some(match record.change {
            NameChange::Claimed => {
                let (dns, tags) = (record.dns.clone(), record.tags.clone());
                Self::Claim { content: Content { digest: record.digest?, dns, tags }, keys: keys() }
            }
            NameChange::Updated => Self::Update(Edit {
                digest: record.digest,
                dns: Some(record.dns.clone()),
                tags: Some(record.tags.clone()),
            }),
            NameChange::Renewed => Self::Renew,
            NameChange::Offered => Self::Offer { to: record.offered_to.clone()? },
            NameChange::Withdrawn => Self::Withdraw,
            NameChange::Transferred => Self::Accept { digest: record.digest, keys: keys() },
            NameChange::Rotated => Self::Rotate(keys()),
            NameChange::Recovering => Self::Recover { successor: record.successor.clone()? },
            NameChange::Released => Self::Release,
            NameChange::Declined
            | NameChange::Recovered
            | NameChange::Suspended
            | NameChange::Resumed
            | NameChange::Revoked
            | NameChange::Lapsed
            | NameChange::Removed => return None,
        })
    }

    /// What a version says that came of it.
    pub const fn change(&self) -> NameChange {
        match self {
            Self::Claim { .. } => NameChange::Claimed,
            Self::Update(_) => NameChange::Updated,
            Self::Renew => NameChange::Renewed,
            Self::Offer { .. } => NameChange::Offered,
            Self::Withdraw => NameChange::Withdrawn,
            Self::Decline => NameChange::Declined,
            Self::Accept { .. } => NameChange::Transferred,
            Self::Rotate(_) => NameChange::Rotated,
            Self::Recover { .. } => NameChange::Recovering,
            Self::FinishRecovery => NameChange::Recovered,
            Self::Suspend => NameChange::Suspended,
            Self::Resume => NameChange::Resumed,
            Self::Revoke => NameChange::Revoked,
            Self::Release => NameChange::Released,
        }
    }

    /// The operation, as the permission table names it.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "names.claim",
            Self::Update(_) => "names.update",
            Self::Renew => "names.renew",
            Self::Offer { .. } => "names.offer",
            Self::Withdraw => "names.withdraw",
            Self::Decline => "names.decline",
            Self::Accept { .. } => "names.accept",
            Self::Rotate(_) => "names.rotate",
            Self::Recover { .. } | Self::FinishRecovery => "names.recover",
            Self::Suspend => "names.suspend",
            Self::Resume => "names.resume",
            Self::Revoke => "names.revoke",
            Self::Release => "names.release",
        }
    }
}
