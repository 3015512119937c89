//! Objects and their versions. Buckets, uploads and how blobs are stored are in the modules beside.

mod buckets;
mod inventory;
mod packing;
mod samples;
mod stored;
mod uploads;
mod versions;

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, StoreError, Timestamp, VersionId};
use casemate_objects::{
    Attributes, Before, Deleted, ETag, ObjectCatalog, ObjectPage, ObjectRecord, Place, Put, PutRule,
    VersionPage, VersionRecord, Versioning,
};

pub(crate) use buckets::{ALL_BUCKETS, bucket_record};
pub(crate) use packing::ALL_BASES;
pub(crate) use uploads::ALL_PART_SIZES;
pub(crate) use versions::{ALL_OBJECT_VERSIONS, version_record};

use crate::blobs::IS_READABLE;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl ObjectCatalog for Store {
    async fn put_object(
        &self,
        object: &ObjectRecord,
        rule: &PutRule,
        event: Event,
    ) -> Result<Put, StoreError> {
        self.change(PutObject { object: object.clone(), rule: rule.clone(), event }).await
    }

    async fn object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        let action = "read an object's row";
        read_one(self.row(action, &OBJECT, values![project, bucket, key]).await?, action, object_record)
    }

    async fn objects(&self, page: &ObjectPage) -> Result<Vec<ObjectRecord>, StoreError> {
        let action = "list objects";
        let after = page.after.as_deref().unwrap_or_default();
        let Some(from) = lower_bound(&page.prefix, page.past.as_deref()) else {
            return Ok(Vec::new());
        };
        let limit = page.limit.min(PAGE_MAX);
        let rows = match first_text_past(&page.prefix) {
            Some(end) => {
                let values = values![page.project, page.bucket, from, after, end, limit];
                self.rows(action, &OBJECTS_UP_TO, values).await?
            }
            None => {
                self.rows(action, &OBJECTS, values![page.project, page.bucket, from, after, limit]).await?
            }
        };
        read_all(rows, action, object_record)
    }

    async fn delete_object(
        &self,
        place: &Place,
        before: &Before,
        marker: VersionId,
        event: Event,
    ) -> Result<Deleted, StoreError> {
        self.change(DeleteObject { place: place.clone(), before: before.clone(), marker, event }).await
    }

    async fn version(
        &self,
        place: &Place,
        version: Option<VersionId>,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.find_version(place, version).await
    }

    async fn versions(&self, page: &VersionPage) -> Result<Vec<VersionRecord>, StoreError> {
        self.list_versions(page).await
    }

    async fn delete_version(
        &self,
        place: &Place,
        version: Option<VersionId>,
        made: Option<Timestamp>,
        event: Event,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.change(versions::DeleteVersion { place: place.clone(), version, made, event }).await
    }

    async fn set_attributes(
        &self,
        object: &ObjectRecord,
        attributes: &Attributes,
        event: Event,
    ) -> Result<bool, StoreError> {
        let (object, attributes) = (object.clone(), attributes.clone());
        self.change(versions::SetAttributes { object, attributes, event }).await
    }

    async fn is_readable(&self, project: &Project, digest: &Digest) -> Result<bool, StoreError> {
        let action = "look who may read a blob";
        Ok(self.row(action, &IS_READABLE, values![project, digest]).await?.is_some())
    }
}

/// The least key to list: nothing before the prefix, and nothing up to the end of the folder `past`. `None` if nothing is
/// behind that.
fn lower_bound(prefix: &str, past: Option<&str>) -> Option<String> {
    let Some(past) = past else {
        return Some(prefix.to_owned());
    };
    first_text_past(past).map(|behind| behind.max(prefix.to_owned()))
}

/// The least text, by bytes, that is greater than everything that starts with `prefix`; `None` if there is none.
///
/// A range finds a prefix through the index, and without LIKE's special characters. The order of UTF-8 by bytes is
/// the order of its characters, so the last character that has a successor is replaced by it.
pub(crate) fn first_text_past(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The surrogates between the two ranges are no characters.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

struct PutObject {
    object: ObjectRecord,
    rule: PutRule,
    event: Event,
}

#[async_trait]
impl Change for PutObject {
    type Answer = Put;
    const ACTION: &'static str = "put an object";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Put, Failure> {
        let new = &self.object;
        // Before anything else is locked, so that two puts of a project cannot wait for each other.
        let usage = match self.rule.quota.limits_anything() {
            true => Some(tx.lock_usage(&new.project).await?),
            false => None,
        };
        let bucket = tx.lock_bucket(&new.project, &new.bucket).await?;
        if bucket.is_none() && self.rule.bucket_exists {
            return Ok(Put::NoBucket);
        }
        let versioning = bucket.unwrap_or_default();
        let place = new.place();
        let completed_bytes = match self.rule.completes {
            Some(id) if !tx.lock_upload(id).await? => return Ok(Put::NoUpload { id }),
            Some(id) => tx.upload_bytes(id).await?,
            None => 0,
        };
        let old = tx.lock_object(&place).await?;
        let (old, sequence) = (old.as_ref().map(|(old, _)| old), old.as_ref().map(|(_, sequence)| *sequence));
        if !self.rule.before.fits(old) {
            return Ok(Put::Unfit { absent: old.is_none() });
        }
        let (objects, bytes) = growth(old, new, versioning);
        let growth = (objects, bytes.saturating_sub(completed_bytes));
        let over = usage.and_then(|usage| self.rule.quota.refuses(&usage, growth));
        if let Some(over) = over {
            return Ok(Put::OverQuota(over));
        }
        if bucket.is_none() {
            tx.make_bucket(&new.project, &new.bucket, new.stored).await?;
        }
        // The new reference first: the same content again must not look unreferenced in between.
        if !self.rule.known_content {
            tx.refer_to_stored(&new.blob(), new.size_bytes).await?;
        } else if !tx.refer_to_known(&new.blob()).await? {
            return Ok(Put::NoContent);
        }
        let (version, next) = match versioning {
            Versioning::Off => (None, sequence.unwrap_or(0)),
            Versioning::On => (new.version, tx.next_sequence(&place, sequence).await?),
            Versioning::Suspended => (None, tx.next_sequence(&place, sequence).await?),
        };
        if let Some(old) = old {
            tx.retire(old, sequence.unwrap_or(0), (versioning, new.stored)).await?;
        }
        if versioning == Versioning::Suspended {
            tx.drop_null_version(&place, new.stored).await?;
        }
        let sizes = (old.map(|old| old.size_bytes), Some(new.size_bytes));
        tx.count_object(&new.project, &new.bucket, sizes).await?;
        tx.write_object(&ObjectRecord { version, ..new.clone() }, next).await?;
        if let Some(id) = self.rule.completes {
            tx.forget_upload(id, &place).await?;
        }
        tx.record(&self.event).await?;
        Ok(Put::Done { former: old.cloned().map(Box::new), version })
    }
}

/// How many objects and bytes more there are with `new` in the place of `old`.
fn growth(old: Option<&ObjectRecord>, new: &ObjectRecord, versioning: Versioning) -> (u64, u64) {
    let stays = match versioning {
        Versioning::Off => false,
        Versioning::On => true,
        Versioning::Suspended => old.is_some_and(|old| old.version.is_some()),
    };
    match old.filter(|_| !stays) {
        Some(old) => (0, new.size_bytes.saturating_sub(old.size_bytes)),
        None => (1, new.size_bytes),
    }
}

struct DeleteObject {
    place: Place,
    before: Before,
    marker: VersionId,
    event: Event,
}

#[async_trait]
impl Change for DeleteObject {
    type Answer = Deleted;
    const ACTION: &'static str = "delete an object";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Deleted, Failure> {
        let Place { project, bucket, .. } = &self.place;
        let Some(versioning) = tx.lock_bucket(project, bucket).await? else {
            return Ok(Deleted::Absent);
        };
        let old = tx.lock_object(&self.place).await?;
        if !self.before.fits(old.as_ref().map(|(old, _)| old)) {
            return Ok(Deleted::Unfit);
        }
        if versioning == Versioning::Off && old.is_none() {
            return Ok(Deleted::Absent);
        }
        let at = self.event.time;
        let former = old.as_ref().map(|(old, _)| Box::new(old.clone()));
        if let Some((old, sequence)) = &old {
            tx.retire(old, *sequence, (versioning, at)).await?;
            tx.execute(&DELETE_OBJECT, values![old.project, old.bucket, old.key]).await?;
            tx.count_object(project, bucket, (Some(old.size_bytes), None)).await?;
        }
        tx.record(&self.event).await?;
        if versioning == Versioning::Off {
            return Ok(former.map_or(Deleted::Absent, Deleted::Removed));
        }
        if versioning == Versioning::Suspended {
            tx.drop_null_version(&self.place, at).await?;
        }
        let version = (versioning == Versioning::On).then_some(self.marker);
        let sequence = tx.next_sequence(&self.place, old.map(|(_, sequence)| sequence)).await?;
        tx.write_marker(&self.place, version, (sequence, at)).await?;
        Ok(Deleted::Marked { former, version })
    }
}

impl Tx<'_> {
    /// An object and the sequence of its version; it stays so until the transaction ends.
    pub(super) async fn lock_object(
        &mut self,
        place: &Place,
    ) -> Result<Option<(ObjectRecord, u64)>, Failure> {
        let row = self.row(&LOCK_OBJECT, values![place.project, place.bucket, place.key]).await?;
        row.map(numbered_object).transpose()
    }

    /// Makes `object` the content of its key.
    pub(super) async fn write_object(&mut self, object: &ObjectRecord, sequence: u64) -> Result<(), Failure> {
        let ObjectRecord { project, bucket, key, digest, size_bytes, media_type, stored: at, .. } = object;
        let attributes = stored::attributes_text(&object.attributes);
        let values = values![
            project,
            bucket,
            key,
            digest,
            size_bytes,
            media_type,
            at,
            object.etag,
            attributes,
            object.version,
            sequence
        ];
        self.execute(&WRITE_OBJECT, values).await.map(drop)
    }
}

fn numbered_object(row: Row) -> Result<(ObjectRecord, u64), Failure> {
    let mut columns = row.read("object");
    let object = read_object(&mut columns)?;
    Ok((object, columns.next()?))
}

pub(crate) fn object_record(row: Row) -> Result<ObjectRecord, Failure> {
    read_object(&mut row.read("object"))
}

/// Reads [`object_columns`].
fn read_object(columns: &mut crate::sql::Columns) -> Result<ObjectRecord, Failure> {
    let (project, bucket, key) = (columns.next()?, columns.next()?, columns.next()?);
    let digest = columns.next()?;
    Ok(ObjectRecord {
        project,
        bucket,
        key,
        digest,
        size_bytes: columns.next()?,
        media_type: columns.next()?,
        stored: columns.next()?,
        etag: read_etag(&columns.next::<String>()?, &digest)?,
        attributes: stored::read_attributes(&columns.next::<String>()?)?,
        version: read_version(&columns.next::<String>()?)?,
    })
}

fn read_etag(text: &str, digest: &Digest) -> Result<ETag, Failure> {
    if text.is_empty() {
        return Ok(ETag::of_digest(digest));
    }
    text.parse().map_err(|error| Failure::damaged("object", error))
}

fn read_version(text: &str) -> Result<Option<VersionId>, Failure> {
    if text == "null" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| Failure::damaged("object", error))
}

macro_rules! object_columns {
    () => {
        "project, bucket, key, digest, size_bytes, media_type, stored, etag, attributes, version"
    };
}
macro_rules! one_object {
    () => {
        "project = $1 AND bucket = $2 AND key = $3"
    };
}

const OBJECT: Statement = statement!("SELECT ", object_columns!(), " FROM objects WHERE ", one_object!());
const LOCK_OBJECT: Statement =
    locking!("SELECT ", object_columns!(), ", sequence FROM objects WHERE ", one_object!());
const OBJECTS: Statement = statement!(
    "SELECT ",
    object_columns!(),
    " FROM objects WHERE project = $1 AND bucket = $2 AND key >= $3 AND key > $4 ORDER BY key LIMIT $5"
);
const OBJECTS_UP_TO: Statement = statement!(
    "SELECT ",
    object_columns!(),
    " FROM objects WHERE project = $1 AND bucket = $2 AND key >= $3 AND key > $4 AND key < $5 ORDER BY key LIMIT $6"
);
pub(crate) const ALL_OBJECTS: Statement = statement!(
    "SELECT ",
    object_columns!(),
    " FROM objects WHERE (project, bucket, key) > ($1, $2, $3) ORDER BY project, bucket, key LIMIT $4"
);
const WRITE_OBJECT: Statement = statement!(
    "INSERT INTO objects (",
    object_columns!(),
    ", sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (project, bucket, key) DO UPDATE SET digest = excluded.digest, size_bytes = excluded.size_bytes, \
     media_type = excluded.media_type, stored = excluded.stored, etag = excluded.etag, \
     attributes = excluded.attributes, version = excluded.version, sequence = excluded.sequence"
);
const DELETE_OBJECT: Statement = statement!("DELETE FROM objects WHERE ", one_object!());

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find an object", &OBJECT),
    ("find an object to change", &LOCK_OBJECT),
    ("list objects", &OBJECTS),
    ("list objects by prefix", &OBJECTS_UP_TO),
    ("delete an object", &DELETE_OBJECT),
    ("look who may read a blob", &IS_READABLE),
    ("refer to a blob that may be read", &crate::blobs::REFER_TO_READABLE),
];
#[cfg(feature = "test-support")]
pub(crate) use {
    buckets::HOT as HOT_BUCKETS, inventory::HOT as HOT_INVENTORY, packing::HOT as HOT_PACKING,
    samples::HOT as HOT_SAMPLES, uploads::HOT as HOT_UPLOADS, versions::HOT as HOT_VERSIONS,
};

#[cfg(test)]
mod tests {
    use super::first_text_past;

    #[test]
    fn the_end_of_a_prefix_is_just_past_everything_that_starts_with_it() {
        for (prefix, end) in [
            ("", None),
            ("a", Some("b")),
            ("a/", Some("a0")),
            ("100%_", Some("100%`")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(first_text_past(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
