use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::names::{DELTA_ENDING, reference_key};
use super::references::{Copies, Lent, Reference};
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

    /// Deletes many objects in every form they have, and looks at each folder once, when they are gone. Says of each
    /// whether that went well; an error of its own ends all of it only if the bucket as a whole fails.
    pub async fn delete_many(
        &self,
        keys: &[LogicalKey],
    ) -> Result<Vec<Result<(), DeltaGliderError>>, DeltaGliderError> {
        let mut fates = Vec::with_capacity(keys.len());
        for keys in keys.chunks(TOGETHER_MAX) {
            fates.extend(self.delete_some(keys).await?);
        }
        let deltas = keys.iter().zip(&fates).filter(|(_, fate)| matches!(fate, Ok(true)));
        let mut folders: BTreeMap<&str, &LogicalKey> = BTreeMap::new();
        for (key, _) in deltas {
            folders.entry(key.folder()).or_insert(key);
        }
        for key in folders.into_values() {
            self.drop_unused_reference(key).await?;
        }
        Ok(fates.into_iter().map(|fate| fate.map(|_| ())).collect())
    }

    /// Says of each whether it was a delta.
    async fn delete_some(
        &self,
        keys: &[LogicalKey],
    ) -> Result<Vec<Result<bool, DeltaGliderError>>, DeltaGliderError> {
        let finding: Vec<_> = keys.iter().map(|key| self.find(key)).collect();
        let found: Vec<_> = stream::iter(finding).buffered(self.settings.heads_at_once_max).collect().await;
        let (mut fates, mut stored_keys) = (Vec::with_capacity(keys.len()), Vec::new());
        for (key, stored) in keys.iter().zip(found) {
            fates.push(match stored {
                Ok(stored) => {
                    let is_delta = matches!(stored.delta, DeltaPlace::Delta(..));
                    stored_keys.extend(stored.whole.as_ref().map(|_| key.to_string()));
                    stored_keys.extend(is_delta.then(|| key.delta_key()));
                    // What went meanwhile is as wanted.
                    Ok(is_delta)
                }
                Err(error) if error.is_of_one_object() => Err(error),
                Err(error) => return Err(error),
            });
        }
        let failed = self.bucket.delete_many(&stored_keys).await;
        for (stored_key, error) in failed {
            if !error.is_of_one_object() {
                return Err(error.into());
            }
            let at = keys.iter().position(|key| key.as_str() == stored_key || key.delta_key() == stored_key);
            if let Some(at) = at {
                fates[at] = Err(error.into());
            }
        }
        Ok(fates)
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
        self.drop_unused_reference(key).await
    }

    /// Deletes the reference of a key's folder if no delta is left there; says whether it went.
    async fn drop_unused_reference(&self, key: &LogicalKey) -> Result<bool, DeltaGliderError> {
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
                    Ok(Lent { bytes, .. }) => Reference { key: place, sha256: record.file_sha256, bytes },
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
                    Ok(Some((_, Record::Delta(_)))) => Ok(true),
                    Ok(Some(_) | None) => Ok(false),
                    Err(error) if error.is_of_one_object() => Ok(true),
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

/// As many as S3 deletes at once.
const TOGETHER_MAX: usize = 1000;

/// Enough to know that there are some; counting on would cost a request each.
const DEPENDENTS_COUNTED_MAX: usize = 16;
