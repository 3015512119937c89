use casemate_model::{Digest, Timestamp};

use super::metadata::{DeltaRecord, DirectRecord};
use super::{DeltaGlider, DeltaGliderError, LogicalKey, Record};
use crate::Head;

/// The form in which an object is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As its difference to a reference.
    Delta,
    /// As it is, with its hash.
    Direct,
    /// As it is, and not by DeltaGlider: nothing says what its hash should be.
    Plain,
}

/// What is known of an object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectStat {
    /// How it is stored.
    pub form: Form,
    /// The size of the file.
    pub size_bytes: u64,
    /// What is stored for it, without the reference.
    pub stored_bytes: u64,
    /// When it was stored.
    pub modified: Timestamp,
    /// What its hash should be, if something says so.
    pub sha256: Option<Digest>,
}

/// What the bucket has for a logical key. Both at once is what a crash between two steps, or Python, may leave.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) delta: DeltaPlace,
    /// Under the key itself, if that is not the delta of another one.
    pub(super) whole: Option<(Head, Option<DirectRecord>)>,
}

/// What is at the key where the delta would be.
#[derive(Debug)]
pub(super) enum DeltaPlace {
    Free,
    Delta(Head, DeltaRecord),
    /// Something of somebody else's.
    Foreign,
}

/// The one of the forms that counts.
#[derive(Debug)]
pub(super) enum Current {
    Delta(DeltaRecord),
    Whole,
}

impl DeltaGlider {
    /// What the bucket says of an object. Nothing of its content is read.
    pub async fn stat(&self, key: &LogicalKey) -> Result<ObjectStat, DeltaGliderError> {
        let stored = self.find(key).await?;
        match (stored.current(key)?, stored.delta, stored.whole) {
            (Current::Delta(record), DeltaPlace::Delta(head, _), _) => Ok(ObjectStat {
                form: Form::Delta,
                size_bytes: record.file_size,
                stored_bytes: head.size_bytes,
                modified: head.modified,
                sha256: Some(record.file_sha256),
            }),
            (_, _, Some((head, record))) => Ok(ObjectStat {
                form: if record.is_some() { Form::Direct } else { Form::Plain },
                size_bytes: head.size_bytes,
                stored_bytes: head.size_bytes,
                modified: head.modified,
                sha256: record.map(|record| record.file_sha256),
            }),
            (_, _, None) => Err(DeltaGliderError::NotFound { key: key.to_string() }),
        }
    }

    pub(super) async fn find(&self, key: &LogicalKey) -> Result<Stored, DeltaGliderError> {
        let (delta_key, whole_key) = (key.delta_key(), key.as_str());
        let (delta, whole) = futures_util::try_join!(self.look(&delta_key), self.look(whole_key))?;
        let delta = match delta {
            None => DeltaPlace::Free,
            Some((head, Record::Delta(record))) => DeltaPlace::Delta(head, record),
            Some((_, Record::Direct(_) | Record::Plain | Record::Reference(_))) => DeltaPlace::Foreign,
        };
        let whole = match whole {
            Some((head, Record::Direct(record))) => Some((head, Some(record))),
            Some((head, Record::Plain)) => Some((head, None)),
            Some((_, Record::Delta(_) | Record::Reference(_))) | None => None,
        };
        Ok(Stored { delta, whole })
    }

    /// What is at a key of the bucket. Only the bucket's own answer makes it nothing.
    pub(super) async fn look(&self, key: &str) -> Result<Option<(Head, Record)>, DeltaGliderError> {
        match self.bucket.head(key).await {
            Ok(head) => {
                let record = Record::of(key, &head)?;
                Ok(Some((head, record)))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Stored {
    /// The newest form; an error if there is none, or nothing says which is newer.
    pub(super) fn current(&self, key: &LogicalKey) -> Result<Current, DeltaGliderError> {
        let key = key.to_string();
        match (&self.delta, &self.whole) {
            (DeltaPlace::Delta(head, record), Some((whole_head, whole))) => {
                let delta_age = (record.created, head.modified);
                let whole_age = (whole.as_ref().and_then(|whole| whole.created), whole_head.modified);
                match newer(delta_age, whole_age) {
                    std::cmp::Ordering::Greater => Ok(Current::Delta(record.clone())),
                    std::cmp::Ordering::Less => Ok(Current::Whole),
                    std::cmp::Ordering::Equal => Err(DeltaGliderError::Ambiguous { key }),
                }
            }
            (DeltaPlace::Delta(_, record), None) => Ok(Current::Delta(record.clone())),
            (DeltaPlace::Free | DeltaPlace::Foreign, Some(_)) => Ok(Current::Whole),
            (DeltaPlace::Free | DeltaPlace::Foreign, None) => Err(DeltaGliderError::NotFound { key }),
        }
    }
}

type Age = (Option<Timestamp>, Timestamp);

/// By the writers' own times if both have one, which are finer; by the store's otherwise.
fn newer(one: Age, other: Age) -> std::cmp::Ordering {
    match (one.0, other.0) {
        (Some(one), Some(other)) if one != other => one.cmp(&other),
        _ => one.1.cmp(&other.1),
    }
}
