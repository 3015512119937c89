use std::fmt;

use casemate_model::Timestamp;
use data_encoding::BASE64;

use crate::inscription::{Inscription, Lines};
use crate::verify::{Place, Problem, VerifyError, verify_name_parts};
use crate::{BundleError, Checkpoint, Inclusion, NodePublicKey, SignedNameRecord};

/// Everything that proves what a name meant, without a node or network: the signed record, the log entry that names it, the proof
/// that the entry is in the log, and the log's checkpoint. `docs/formats/name.md` lays down the text.
///
/// ```text
///   casemate name v1
///   key casemate/0f1e2d3c4b5a6978+1a2b3c4d+Af…
///   record Q01OUwE…
///   entry Q01MRQE…                   from here on as in a bundle of a receipt
///   …
/// ```
///
/// Parsing checks form, key and the checkpoint's signature; [`verify_name`](crate::verify::verify_name) checks the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameBundle {
    pub(crate) key: NodePublicKey,
    pub(crate) signed: SignedNameRecord,
    pub(crate) inscription: Inscription,
}

impl NameBundle {
    /// Most bytes of a bundle: the largest record in base64, an entry, a proof and a checkpoint.
    pub const BYTES_MAX: usize = 256 << 10;

    /// Joins a record with the proof of its log entry. What does not verify is refused.
    pub fn new(
        signed: SignedNameRecord,
        inclusion: Inclusion,
        key: &NodePublicKey,
    ) -> Result<Self, BundleError> {
        let bundle = Self { key: key.clone(), signed, inscription: Inscription::new(inclusion) };
        verify_name_parts(&bundle)?;
        Ok(bundle)
    }

    /// Whether bytes are meant as one.
    pub fn is_meant_by(bytes: &[u8]) -> bool {
        bytes.starts_with(HEADER.as_bytes())
    }

    /// Reads a bundle. Any byte that the writer would not have written is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, VerifyError> {
        let malformed = |place| VerifyError { place, problem: Problem::Malformed };
        if bytes.len() > Self::BYTES_MAX {
            return Err(malformed(Place::Bundle));
        }
        let mut lines = Lines::new(bytes);
        lines.exactly(HEADER, Place::Bundle)?;
        let key: NodePublicKey =
            lines.after("key ", Place::Key)?.parse().map_err(|_| malformed(Place::Key))?;
        let record = lines.base64("record ", Place::Record)?;
        let inscription = Inscription::parse(lines, &key)?;
        let signed = SignedNameRecord::decode(&record)
            .map_err(|error| VerifyError { place: Place::Record, problem: error.into() })?;
        let bundle = Self { key, signed, inscription };
        if bundle.to_string().as_bytes() != bytes {
            return Err(malformed(Place::Proof));
        }
        Ok(bundle)
    }

    /// Checks that its parts belong together. Says when the record was entered, and whether its owner signed it.
    pub fn verify(&self) -> Result<(Timestamp, bool), VerifyError> {
        verify_name_parts(self)
    }

    /// The record and its signatures.
    pub fn signed(&self) -> &SignedNameRecord {
        &self.signed
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.inscription.checkpoint
    }

    /// The key that the bundle says the log is signed with. It proves nothing unless it is known from elsewhere.
    pub fn key(&self) -> &NodePublicKey {
        &self.key
    }
}

impl fmt::Display for NameBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        writeln!(f, "key {}", self.key)?;
        writeln!(f, "record {}", BASE64.encode(&self.signed.encode()))?;
        write!(f, "{}", self.inscription)
    }
}

const HEADER: &str = "casemate name v1";
