use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use casemate_model::Timestamp;
use futures_util::{StreamExt, stream};

use super::metadata::parse_time;
use super::names::{self, DELTA_ENDING, INTERNAL_PREFIX, REFERENCE_NAME};
use super::{DeltaGlider, DeltaGliderError, Record};
use crate::error::chain;
use crate::{ListEntry, ListQuery, Unusable, bucket};

/// An object as its users know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalObject {
    /// Its key.
    pub key: String,
    /// The size of the file.
    pub size_bytes: u64,
    /// What is stored for it, without the reference.
    pub stored_bytes: u64,
    /// When it was stored.
    pub modified: Timestamp,
    /// Whether it is stored as a delta.
    pub is_delta: bool,
}

/// What a list found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects, by key.
    pub objects: Vec<LogicalObject>,
    /// What is in the bucket and cannot be read as an object, by key. It says nothing of the others.
    pub unusable: Vec<Unusable>,
}

/// What clearing temporary objects did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// How many had expired.
    pub expired: usize,
    /// How many of them were deleted.
    pub deleted: usize,
    /// What they took.
    pub bytes_freed: u64,
    /// The keys that could not be looked at or deleted.
    pub failed: Vec<String>,
}

/// What objects are whose name alone does not tell, by key and `etag`. An object with the same `etag` has the same
/// metadata, so each is asked once, and a list does not cost one request an object every time.
#[derive(Default)]
pub(super) struct Sizes(Mutex<HashMap<(String, String), Judged>>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Judged {
    Delta { file_bytes: u64 },
    Reference,
    Other,
}

impl Sizes {
    fn get(&self, entry: &ListEntry) -> Option<Judged> {
        let sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.get(&(entry.key.clone(), entry.etag.clone()?)).copied()
    }

    fn set(&self, entry: &ListEntry, judged: Judged) {
        let Some(etag) = entry.etag.clone() else { return };
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A list in between can only ask again.
        if sizes.len() >= JUDGED_MAX {
            sizes.clear();
        }
        sizes.insert((entry.key.clone(), etag), judged);
    }
}

impl DeltaGlider {
    /// Lists the objects whose logical keys begin with `prefix`, by key, with the sizes of the files.
    ///
    /// A list of the bucket has the sizes of deltas and not of their files, so that each delta has to be asked, once
    /// for as long as this lives. A key that is stored in two forms is listed once, as the newer one.
    /// One that makes no sense is named as such; whoever deletes what a list does not have must look there, too.
    pub async fn list(&self, prefix: &str) -> Result<Listing, DeltaGliderError> {
        let (entries, mut unusable) = self.stored_entries(prefix).await?;
        let judged = self.judge_all(entries, &mut unusable).await?;
        let mut objects: BTreeMap<String, LogicalObject> = BTreeMap::new();
        for (entry, judged) in judged {
            let Some(object) = logical(entry, judged) else { continue };
            if !object.key.starts_with(prefix) {
                continue;
            }
            match objects.get(&object.key) {
                Some(other) if other.modified >= object.modified => {}
                Some(_) | None => {
                    objects.insert(object.key.clone(), object);
                }
            }
        }
        unusable.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(Listing { objects: objects.into_values().collect(), unusable })
    }

    /// What is in the bucket beneath a prefix, without what is internal, and what of it cannot be used.
    pub(super) async fn stored_entries(
        &self,
        prefix: &str,
    ) -> Result<(Vec<ListEntry>, Vec<Unusable>), DeltaGliderError> {
        let query = ListQuery::all(prefix);
        let mut listed = bucket::list_all(&*self.bucket, query, self.settings.keys_max).await?;
        listed.unusable.retain(|unusable| !names::is_internal(&unusable.key));
        // A server may list what was not asked for.
        let (wanted, strange): (Vec<_>, Vec<_>) =
            listed.entries.into_iter().partition(|entry| entry.key.starts_with(prefix));
        listed.unusable.extend(strange.into_iter().map(|entry| Unusable {
            key: entry.key,
            reason: "it is not below what was to be listed".to_owned(),
        }));
        let mut entries = wanted;
        // A key that ends in a slash is a folder that somebody's console made.
        entries.retain(|entry| !names::is_internal(&entry.key) && !entry.key.ends_with('/'));
        Ok((entries, listed.unusable))
    }

    /// Judges each; what cannot be judged joins the unusable.
    pub(super) async fn judge_all(
        &self,
        entries: Vec<ListEntry>,
        unusable: &mut Vec<Unusable>,
    ) -> Result<Vec<(ListEntry, Judged)>, DeltaGliderError> {
        let mut judging = stream::iter(entries)
            .map(|entry| async move {
                let judged = self.judge(&entry).await;
                (entry, judged)
            })
            .buffered(self.settings.heads_at_once_max);
        let mut all = Vec::new();
        while let Some((entry, judged)) = judging.next().await {
            match judged {
                Ok(judged) => all.extend(judged.map(|judged| (entry, judged))),
                Err(error) if error.is_of_one_object() => {
                    unusable.push(Unusable { key: entry.key, reason: chain(&error) });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// What an object is; none if it is gone meanwhile. Most are known by name.
    async fn judge(&self, entry: &ListEntry) -> Result<Option<Judged>, DeltaGliderError> {
        let name = names::split(&entry.key).1;
        if !name.ends_with(DELTA_ENDING) && name != REFERENCE_NAME {
            return Ok(Some(Judged::Other));
        }
        if let Some(judged) = self.sizes.get(entry) {
            return Ok(Some(judged));
        }
        let judged = match self.look(&entry.key).await? {
            None => return Ok(None),
            Some((_, Record::Delta(record))) => Judged::Delta { file_bytes: record.file_size },
            Some((_, Record::Reference(_))) => Judged::Reference,
            Some((_, Record::Plain)) => {
                self.refuse_lost_metadata(entry).await?;
                Judged::Other
            }
            Some((_, Record::Direct(_))) => Judged::Other,
        };
        self.sizes.set(entry, judged);
        Ok(Some(judged))
    }

    /// Refuses a delta that has lost what says which file it stands for, and the reference of a folder of such: they
    /// would pass for files of somebody else's.
    async fn refuse_lost_metadata(&self, entry: &ListEntry) -> Result<(), DeltaGliderError> {
        let (folder, name) = names::split(&entry.key);
        let is_lost = if name == REFERENCE_NAME {
            self.has_lost_delta(folder).await?
        } else {
            self.begins_as_delta(entry).await?
        };
        if is_lost { Err(DeltaGliderError::MetadataLost { key: entry.key.clone() }) } else { Ok(()) }
    }

    async fn has_lost_delta(&self, folder: &str) -> Result<bool, DeltaGliderError> {
        let page = self.bucket.list(&ListQuery::folder(folder)).await?;
        for entry in page.entries.iter().filter(|entry| entry.key.ends_with(DELTA_ENDING)) {
            let is_plain = matches!(self.look(&entry.key).await?, Some((_, Record::Plain)));
            if is_plain && self.begins_as_delta(entry).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn begins_as_delta(&self, entry: &ListEntry) -> Result<bool, DeltaGliderError> {
        let length = VCDIFF_MAGIC.len() as u64;
        if entry.size_bytes < length {
            return Ok(false);
        }
        let head = self.bucket.get(&entry.key, Some(0..length)).await?;
        Ok(head.collect(&entry.key, length).await? == VCDIFF_MAGIC)
    }

    /// Deletes temporary objects of DeltaGlider that have expired.
    pub async fn purge(&self) -> Result<PurgeReport, DeltaGliderError> {
        let query = ListQuery::all(&format!("{INTERNAL_PREFIX}tmp/"));
        let listed = bucket::list_all(&*self.bucket, query, self.settings.keys_max).await?;
        let mut report = PurgeReport::default();
        let now = self.clock.now();
        for entry in listed.entries {
            let expires = match self.bucket.head(&entry.key).await {
                Ok(head) => head.metadata.get("dg-expires-at").and_then(|text| parse_time(text)),
                Err(error) if error.is_not_found() => continue,
                Err(_) => {
                    report.failed.push(entry.key);
                    continue;
                }
            };
            if expires.is_none_or(|expires| expires > now) {
                continue;
            }
            report.expired += 1;
            match self.bucket.delete(&entry.key).await {
                Ok(()) => {
                    report.deleted += 1;
                    report.bytes_freed += entry.size_bytes;
                }
                Err(_) => report.failed.push(entry.key),
            }
        }
        Ok(report)
    }
}

/// The object that users see, if they see one.
fn logical(entry: ListEntry, judged: Judged) -> Option<LogicalObject> {
    let ListEntry { key, size_bytes: stored_bytes, modified, .. } = entry;
    match judged {
        Judged::Reference => None,
        Judged::Other => {
            Some(LogicalObject { key, size_bytes: stored_bytes, stored_bytes, modified, is_delta: false })
        }
        Judged::Delta { file_bytes } => {
            let key = key.strip_suffix(DELTA_ENDING)?.to_owned();
            Some(LogicalObject { key, size_bytes: file_bytes, stored_bytes, modified, is_delta: true })
        }
    }
}

/// The folders that have deltas.
pub(super) fn folders(entries: &[ListEntry]) -> BTreeSet<&str> {
    let deltas = entries.iter().filter(|entry| entry.key.ends_with(DELTA_ENDING));
    deltas.map(|entry| names::split(&entry.key).0).collect()
}

/// How a VCDIFF begins (RFC 3284, section 4.1), without its version.
const VCDIFF_MAGIC: [u8; 3] = [0xd6, 0xc3, 0xc4];

/// About 30 MB of keys.
const JUDGED_MAX: usize = 200_000;
