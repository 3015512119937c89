use casemate_model::{Digest, DnsRecords, Name, Project, RegistryId, Tags, Timestamp};

use crate::{BadSignature, DecodeError, OwnerKey, OwnerPublicKey, OwnerSignature};

mod codec;

/// What a name means from one version on, and whose it is. Owners sign it, and the registry enters its digest into the log.
///
/// `docs/formats/name.md` lays down the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// The registry that decides.
    pub registry: RegistryId,
    /// What this version changed.
    pub change: NameChange,
    /// Whether the name may be used.
    pub standing: Standing,
    /// The name.
    pub name: Name,
    /// Counts the lives of the name from 1: each claim begins one.
    pub epoch: u64,
    /// Counts the versions of the name from 1, through all its lives.
    pub sequence: u64,
    /// Who holds it.
    pub project: Project,
    /// Who may take it over.
    pub offered_to: Option<Project>,
    /// The key without which the holder changes nothing.
    pub owner: Option<OwnerPublicKey>,
    /// The key that can put another in the place of a lost one.
    pub recovery: Option<OwnerPublicKey>,
    /// The key that is to come in the place of the owner's.
    pub successor: Option<OwnerPublicKey>,
    /// The content that it means; none after its end.
    pub digest: Option<Digest>,
    /// What it says in DNS.
    pub dns: DnsRecords,
    /// Words that its holder sorts it by.
    pub tags: Tags,
    /// When this was written.
    pub issued: Timestamp,
    /// Until when a registry takes it.
    pub take_until: Timestamp,
    /// When it ends unless it is renewed; when it ended, if it did.
    pub expires: Timestamp,
    /// [`NameRecord::digest_of`] the version before, so that it fits nowhere else; [`NameRecord::NO_PREVIOUS`] for the first.
    pub previous: Digest,
}

/// What a version of a name changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameChange {
    /// It was claimed.
    Claimed,
    /// It means something else, or says something else.
    Updated,
    /// It ends later.
    Renewed,
    /// Another project may take it over.
    Offered,
    /// That project may no more, or a change of keys was called off: its holder says so.
    Withdrawn,
    /// That project does not want it.
    Declined,
    /// That project took it over.
    Transferred,
    /// It has other keys.
    Rotated,
    /// The recovery key named another key for its owner, which counts when the delay is over.
    Recovering,
    /// That key counts.
    Recovered,
    /// It may not be used for now.
    Suspended,
    /// It may be used again.
    Resumed,
    /// It may not be used, and ends when nobody objects.
    Revoked,
    /// It was given up.
    Released,
    /// It was not renewed.
    Lapsed,
    /// It was revoked a while ago.
    Removed,
}

/// Whether a name may be used, as far as people decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing stands against it.
    Good,
    /// It may not, for now.
    Suspended,
    /// It may not, and ends.
    Revoked,
}

/// A [`NameRecord`] with the signatures of those who have to sign it. Decoding checks none: [`SignedNameRecord::verify`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNameRecord {
    record: NameRecord,
    signatures: Vec<OwnerSignature>,
}

impl NameRecord {
    /// Most bytes of a record: three hybrid keys and all that a name says in DNS.
    pub const BYTES_MAX: usize = 16 << 10;
    /// The link of a name's first version.
    pub const NO_PREVIOUS: Digest = Digest::from_bytes([0; 32]);

    /// Writes the canonical bytes. All values that a record can hold can be written.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self).expect("its types keep every field below its cap")
    }

    /// Reads canonical bytes; anything that [`NameRecord::encode`] would not write is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }

    /// What the next version says as `previous`, and the log as detail.
    pub fn digest_of(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// Whose signatures this version needs, if it comes after `former`. The registry alone makes those that need none.
    pub fn signers<'a>(&'a self, former: Option<&'a Self>) -> Vec<&'a OwnerPublicKey> {
        let owner = former.and_then(|former| former.owner.as_ref());
        let recovery = former.and_then(|former| former.recovery.as_ref());
        let (first, second) = match self.change {
            NameChange::Claimed | NameChange::Transferred => (self.owner.as_ref(), None),
            NameChange::Updated
            | NameChange::Renewed
            | NameChange::Offered
            | NameChange::Withdrawn
            | NameChange::Released => (owner, None),
            NameChange::Rotated => (owner, self.owner.as_ref()),
            NameChange::Recovering => (recovery, self.successor.as_ref()),
            NameChange::Declined
            | NameChange::Recovered
            | NameChange::Suspended
            | NameChange::Resumed
            | NameChange::Revoked
            | NameChange::Lapsed
            | NameChange::Removed => (None, None),
        };
        let second = second.filter(|second| first != Some(second));
        first.into_iter().chain(second).collect()
    }

    /// Signs the record with one key.
    pub fn sign(&self, key: &OwnerKey) -> OwnerSignature {
        key.sign(&self.encode())
    }
}

impl SignedNameRecord {
    /// The detail of an audit entry that holds [`NameRecord::digest_of`], which ties the record to the log.
    pub const DETAIL: &'static str = "record";
    /// Most signatures of a record.
    pub const SIGNATURES_MAX: usize = 2;
    /// Most bytes of [`SignedNameRecord::encode`].
    pub const BYTES_MAX: usize =
        NameRecord::BYTES_MAX + Self::SIGNATURES_MAX * (2 + OwnerSignature::BYTES_MAX) + 11;

    /// A record with signatures, which are not checked yet; of too many only the first are kept.
    pub fn new(record: NameRecord, mut signatures: Vec<OwnerSignature>) -> Self {
        signatures.truncate(Self::SIGNATURES_MAX);
        Self { record, signatures }
    }

    /// Writes the canonical bytes of record and signatures.
    pub fn encode(&self) -> Vec<u8> {
        codec::join(&self.record.encode(), &self.signatures)
    }

    /// Reads [`SignedNameRecord::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signatures) = codec::split(bytes)?;
        Ok(Self { record: NameRecord::decode(body)?, signatures })
    }

    /// Checks that each of `signers` signed it, and nobody else.
    pub fn verify(&self, signers: &[&OwnerPublicKey]) -> Result<(), BadSignature> {
        if self.signatures.len() != signers.len() {
            return Err(BadSignature);
        }
        let bytes = self.record.encode();
        signers.iter().try_for_each(|signer| {
            let fingerprint = signer.fingerprint();
            let signature = self.signatures.iter().find(|signature| signature.signer == fingerprint);
            signer.verify(&bytes, signature.ok_or(BadSignature)?)
        })
    }

    /// Checks what can be checked without the version before: that the present owner signed it, if it is a version that owners sign.
    /// Says whether one did.
    pub fn verify_alone(&self) -> Result<bool, BadSignature> {
        let record = &self.record;
        let signers = record.signers(Some(record));
        let Some(owner) = record.owner.as_ref().filter(|owner| signers.contains(owner)) else {
            return Ok(false);
        };
        let fingerprint = owner.fingerprint();
        let signature = self.signatures.iter().find(|signature| signature.signer == fingerprint);
        owner.verify(&record.encode(), signature.ok_or(BadSignature)?)?;
        Ok(true)
    }

    /// The record.
    pub fn record(&self) -> &NameRecord {
        &self.record
    }

    /// The signatures.
    pub fn signatures(&self) -> &[OwnerSignature] {
        &self.signatures
    }
}

impl NameChange {
    /// Every change, in the order of the numbers that the bytes have for them, from 1.
    pub const ALL: [Self; 16] = [
        Self::Claimed,
        Self::Updated,
        Self::Renewed,
        Self::Offered,
        Self::Withdrawn,
        Self::Declined,
        Self::Transferred,
        Self::Rotated,
        Self::Recovering,
        Self::Recovered,
        Self::Suspended,
        Self::Resumed,
        Self::Revoked,
        Self::Released,
        Self::Lapsed,
        Self::Removed,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Updated => "updated",
            Self::Renewed => "renewed",
            Self::Offered => "offered",
            Self::Withdrawn => "withdrawn",
            Self::Declined => "declined",
            Self::Transferred => "transferred",
            Self::Rotated => "rotated",
            Self::Recovering => "recovering",
            Self::Recovered => "recovered",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Revoked => "revoked",
            Self::Released => "released",
            Self::Lapsed => "lapsed",
            Self::Removed => "removed",
        }
    }

    /// Reads the text form.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == text)
    }

    /// Whether nobody holds the name after it.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Released | Self::Lapsed | Self::Removed)
    }
}

impl Standing {
    /// Every standing, in the order of the numbers that the bytes have for them, from 0.
    pub const ALL: [Self; 3] = [Self::Good, Self::Suspended, Self::Revoked];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the text form.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }
}

#[cfg(test)]
mod tests;
