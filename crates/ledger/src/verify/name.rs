use casemate_model::Timestamp;

use super::{Place, Problem, VerifyError, compare_known};
use crate::{Checkpoint, Decision, NameBundle, NameRecord, NodePublicKey, SignedNameRecord};

/// What a name's bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameReport {
    /// What the name meant from one version on.
    pub record: NameRecord,
    /// Whether its owner signed that version; if not, the registry alone says it.
    pub owner_signed: bool,
    /// The number of the log entry that names it.
    pub sequence: u64,
    /// When the registry entered it.
    pub entered: Timestamp,
    /// The log's checkpoint.
    pub checkpoint: Checkpoint,
    /// The key that signed the log.
    pub key: NodePublicKey,
    /// Whether the caller knew the key beforehand. If not, anybody could have made the bundle.
    pub key_pinned: bool,
}

/// Checks a name's bundle: every byte of it, and what the caller knows beforehand, as
/// [`verify_bundle`](super::verify_bundle) does for a receipt.
pub fn verify_name(
    bytes: &[u8],
    pinned: Option<&NodePublicKey>,
    known: Option<&Checkpoint>,
) -> Result<NameReport, VerifyError> {
    let bundle = NameBundle::parse(bytes)?;
    if pinned.is_some_and(|pinned| *pinned != bundle.key) {
        return Err(VerifyError { place: Place::Key, problem: Problem::OtherKey });
    }
    let (entered, owner_signed) = verify_name_parts(&bundle)?;
    if let Some(known) = known {
        compare_known(known, bundle.checkpoint())?;
    }
    Ok(NameReport {
        record: bundle.signed.record().clone(),
        owner_signed,
        sequence: bundle.inscription.index,
        entered,
        checkpoint: bundle.inscription.checkpoint,
        key: bundle.key,
        key_pinned: pinned.is_some(),
    })
}

/// Checks that the parts of a bundle belong together. Says when the record was entered, and whether its owner signed it.
pub(crate) fn verify_name_parts(bundle: &NameBundle) -> Result<(Timestamp, bool), VerifyError> {
    let entry = bundle.inscription.verify(&bundle.key)?;
    let (record, event) = (bundle.signed.record(), entry.event);
    let named = event.detail(SignedNameRecord::DETAIL) == Some(&record.digest_of().to_string());
    let about = event.resource == format!("name:{}", record.name) && event.decision == Decision::Allowed;
    if !named || !about {
        return Err(VerifyError { place: Place::Record, problem: Problem::NotRecorded });
    }
    match bundle.signed.verify_alone() {
        Ok(owner_signed) => Ok((event.time, owner_signed)),
        Err(error) => Err(VerifyError { place: Place::Record, problem: error.into() }),
    }
}
