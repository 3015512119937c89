use futures_util::{StreamExt, TryStreamExt, stream};

use super::names::{DELTA_ENDING, reference_key};
use super::references::{Copies, Reference};
use super::stored::DeltaPlace;
use super::{DeltaGlider, DeltaGliderError, Form, LogicalKey, Record};
use crate::{ListQuery, bucket};

/// What deleting did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The forms that were there.
    pub forms: Vec<Form>,
    /// Whether the folder's reference went with its last delta.
    pub reference_removed: bool,
}

impl DeltaGlider {
    /// Deletes an object in every form it has. With the last delta of a folder its reference goes.
    pub async fn delete(&self, key: &LogicalKey) -> Result<Deleted, DeltaGliderError> {
        let stored = self.find(key).await?;
        let mut deleted = Deleted { forms: Vec::new(), reference_removed: false };
        if let Some((_, record)) = &stored.whole {
            self.bucket.delete(key.as_str()).await?;
            deleted.forms.push(if record.is_some() { Form::Direct } else { Form::Plain });
        }
        if let DeltaPlace::Delta(..) = stored.delta {
            deleted.reference_removed = self.delete_delta(key).await?;
            deleted.forms.push(Form::Delta);
        }
        if deleted.forms.is_empty() {
            return Err(DeltaGliderError::NotFound { key: key.to_string() });
        }
        Ok(deleted)
    }

    /// Deletes the reference of a folder (with its slash, or nothing), which must not have deltas any more unless
    /// `force` gives them up.
    pub async fn delete_reference(&self, folder: &str, force: bool) -> Result<(), DeltaGliderError> {
        let key = reference_key(folder);
        match self.look(&key).await? {
            Some((_, Record::Reference(_))) => {}
            Some(_) | None => return Err(DeltaGliderError::NotFound { key }),
        }
        let dependents = self.dependents(folder).await?;
        if dependents > 0 && !force {
            return Err(DeltaGliderError::HasDependents { key, dependents });
        }
        Ok(self.bucket.delete(&key).await?)
    }

    /// Deletes a delta, and the reference if it was the last; says whether the reference went.
    pub(super) async fn delete_delta(&self, key: &LogicalKey) -> Result<bool, DeltaGliderError> {
        self.bucket.delete(&key.delta_key()).await?;
        let (folder, place) = (key.folder(), key.reference_key());
        if self.dependents(folder).await? > 0 {
            return Ok(false);
        }
        // Held until nobody can need it any more: a delta may be stored between the look and the removal.
        let reference = match self.look(&place).await? {
            Some((_, Record::Reference(record))) => {
                let places = std::slice::from_ref(&place);
                let bytes = self.reference_of(key.as_str(), record.file_sha256, places, Copies::All).await;
                match bytes {
                    Ok(bytes) => Reference { key: place, sha256: record.file_sha256, bytes },
                    // Damaged, and of no use to anybody; but that is not ours to decide here.
                    Err(DeltaGliderError::Damaged { .. }) => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            Some(_) | None => return Ok(false),
        };
        self.bucket.delete(&reference.key).await?;
        if self.dependents(folder).await? > 0 {
            self.restore_reference(&reference, "").await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// How many deltas a folder has, at least. Neither DeltaGlider makes deltas to the reference of another folder. An object that cannot be judged counts as one.
    async fn dependents(&self, folder: &str) -> Result<usize, DeltaGliderError> {
        let listed =
            bucket::list_all(&*self.bucket, ListQuery::folder(folder), self.settings.keys_max).await?;
        let deltas = listed.entries.into_iter().filter(|entry| entry.key.ends_with(DELTA_ENDING));
        let mut judged = stream::iter(deltas)
            .map(|entry| async move {
                match self.look(&entry.key).await {
                    Ok(Some((_, Record::Delta(_)))) | Err(DeltaGliderError::BadMetadata { .. }) => Ok(true),
                    Ok(Some(_) | None) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .buffered(self.settings.heads_at_once_max);
        let mut dependents = 0;
        while let Some(is_delta) = judged.try_next().await? {
            dependents += usize::from(is_delta);
            if dependents >= DEPENDENTS_COUNTED_MAX {
                break;
            }
        }
        Ok(dependents)
    }
}

/// Enough to know that there are some; counting on would cost a request each.
const DEPENDENTS_COUNTED_MAX: usize = 16;
