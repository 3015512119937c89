//! Objects, buckets and blobs.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Digest, ObjectKey, Project, StoreError, Timestamp};
use casemate_objects::{BucketRecord, BucketTotals, Catalog, ObjectPage, ObjectRecord, Packing};

use crate::blobs::IS_READABLE;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Catalog for Store {
    async fn put_object(
        &self,
        object: &ObjectRecord,
        event: Event,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        self.change(PutObject { object: object.clone(), event }).await
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
        let after = page.after.as_ref().map(ObjectKey::as_str).unwrap_or_default();
        let limit = page.limit.min(PAGE_MAX);
        let rows = match first_text_past(&page.prefix) {
            Some(end) => {
                let values = values![page.project, page.bucket, page.prefix, after, end, limit];
                self.rows(action, &OBJECTS_UP_TO, values).await?
            }
            None => {
                let values = values![page.project, page.bucket, page.prefix, after, limit];
                self.rows(action, &OBJECTS, values).await?
            }
        };
        read_all(rows, action, object_record)
    }

    async fn buckets(
        &self,
        project: &Project,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, StoreError> {
        let action = "list buckets";
        let after = after.map(BucketName::as_str).unwrap_or_default();
        let rows = self.rows(action, &BUCKETS, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, bucket_record)
    }

    async fn totals(&self, project: &Project) -> Result<BucketTotals, StoreError> {
        let action = "add up buckets";
        let row = self.row(action, &TOTALS, values![project]).await?;
        let totals = read_one(row, action, |row| {
            let mut columns = row.read("bucket");
            let (buckets, objects, size_bytes) = (columns.next()?, columns.next()?, columns.next()?);
            Ok(BucketTotals { buckets, objects, size_bytes })
        })?;
        Ok(totals.unwrap_or_default())
    }

    async fn delete_object(
        &self,
        project: &Project,
        bucket: &BucketName,
        key: &ObjectKey,
        event: Event,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        let (project, bucket, key) = (project.clone(), bucket.clone(), key.clone());
        self.change(DeleteObject { project, bucket, key, event }).await
    }

    async fn is_readable(&self, project: &Project, digest: &Digest) -> Result<bool, StoreError> {
        let action = "look who may read a blob";
        Ok(self.row(action, &IS_READABLE, values![project, digest]).await?.is_some())
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let action = "read a blob's row";
        read_one(self.row(action, &BLOB_SIZE, values![digest]).await?, action, |row| row.only("blob"))
    }

    async fn unreferenced_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let action = "list unreferenced blobs";
        let rows = self.rows(action, &UNREFERENCED, values![before, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, |row| row.only("blob"))
    }

    async fn forget_blob(&self, digest: &Digest, at: Timestamp) -> Result<bool, StoreError> {
        self.change(ForgetBlob { digest: *digest, at }).await
    }

    async fn blobs_to_pack(
        &self,
        bytes_min: u64,
        bytes_max: u64,
        limit: u32,
    ) -> Result<Vec<Digest>, StoreError> {
        let action = "list blobs to pack";
        let values = values![bytes_min, bytes_max, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &BLOBS_TO_PACK, values).await?, action, |row| row.only("blob"))
    }

    async fn base_candidates(&self, digest: &Digest, limit: u32) -> Result<Vec<Digest>, StoreError> {
        let action = "look for a base";
        if self.row(action, &IS_BASE, values![digest]).await?.is_some() {
            return Ok(Vec::new());
        }
        let place = self.row(action, &PLACE_OF_BLOB, values![digest]).await?;
        let Some(place) = read_one(place, action, object_record)? else {
            return Ok(Vec::new());
        };
        let prefix = place.key.as_str().rsplit_once('/').map_or("", |(prefix, _)| prefix);
        let end = first_text_past(prefix).unwrap_or_else(|| char::MAX.to_string());
        let (project, bucket, key) = (&place.project, &place.bucket, &place.key);
        let before = self.rows(action, &BASES_BEFORE, values![project, bucket, prefix, key, limit]).await?;
        let after = self.rows(action, &BASES_AFTER, values![project, bucket, key, end, limit]).await?;
        let mut bases = Vec::new();
        // Newer versions sort behind older ones more often than not, so the older neighbours come first.
        for base in read_all(before.into_iter().chain(after).collect(), action, |row| row.only("blob"))? {
            if base != *digest && !bases.contains(&base) && bases.len() < limit as usize {
                bases.push(base);
            }
        }
        Ok(bases)
    }

    async fn note_packing(
        &self,
        digest: &Digest,
        packing: Packing,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(NotePacking { digest: *digest, packing, at }).await
    }

    async fn packing(&self, digest: &Digest) -> Result<Option<Packing>, StoreError> {
        let action = "look how a blob is stored";
        let row = self.row(action, &PACKING, values![digest]).await?;
        let found = read_one(row, action, |row| {
            let mut columns = row.read("blob");
            let (stored_bytes, base): (Option<u64>, Option<Digest>) = (columns.next()?, columns.next()?);
            Ok(stored_bytes.map(|stored_bytes| Packing { stored_bytes, base }))
        })?;
        Ok(found.flatten())
    }
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
    event: Event,
}

#[async_trait]
impl Change for PutObject {
    type Answer = Option<ObjectRecord>;
    const ACTION: &'static str = "put an object";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<ObjectRecord>, Failure> {
        let new = &self.object;
        let old = tx.row(&LOCK_OBJECT, values![new.project, new.bucket, new.key]).await?;
        let old = old.map(object_record).transpose()?;
        match &old {
            None => {
                tx.execute(&GROW_BUCKET, values![new.project, new.bucket, new.stored, new.size_bytes]).await?
            }
            Some(old) => {
                let values = values![new.project, new.bucket, new.size_bytes, old.size_bytes];
                tx.execute(&RESIZE_BUCKET, values).await?
            }
        };
        // The new reference first: the same content again must not look unreferenced in between.
        tx.refer_to_stored(&new.digest, new.size_bytes).await?;
        if let Some(old) = &old {
            tx.drop_reference(&old.digest, new.stored).await?;
        }
        let values =
            values![new.project, new.bucket, new.key, new.digest, new.size_bytes, new.media_type, new.stored];
        tx.execute(if old.is_some() { &UPDATE_OBJECT } else { &INSERT_OBJECT }, values).await?;
        tx.record(&self.event).await?;
        Ok(old)
    }
}

struct DeleteObject {
    project: Project,
    bucket: BucketName,
    key: ObjectKey,
    event: Event,
}

#[async_trait]
impl Change for DeleteObject {
    type Answer = Option<ObjectRecord>;
    const ACTION: &'static str = "delete an object";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<ObjectRecord>, Failure> {
        let place = values![self.project, self.bucket, self.key];
        let Some(row) = tx.row(&LOCK_OBJECT, place).await? else {
            return Ok(None);
        };
        let old = object_record(row)?;
        tx.execute(&DELETE_OBJECT, place).await?;
        tx.execute(&SHRINK_BUCKET, values![self.project, self.bucket, old.size_bytes]).await?;
        tx.drop_reference(&old.digest, self.event.time).await?;
        tx.record(&self.event).await?;
        Ok(Some(old))
    }
}

struct ForgetBlob {
    digest: Digest,
    at: Timestamp,
}

#[async_trait]
impl Change for ForgetBlob {
    type Answer = bool;
    const ACTION: &'static str = "forget a blob";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(row) = tx.row(&FORGET_BLOB, values![self.digest]).await? else {
            return Ok(false);
        };
        let base: Option<Digest> = row.only("blob")?;
        if let Some(base) = base {
            tx.drop_reference(&base, self.at).await?;
        }
        Ok(true)
    }
}

struct NotePacking {
    digest: Digest,
    packing: Packing,
    at: Timestamp,
}

#[async_trait]
impl Change for NotePacking {
    type Answer = bool;
    const ACTION: &'static str = "note how a blob is stored";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(row) = tx.row(&LOCK_BASE, values![self.digest]).await? else {
            return Ok(false);
        };
        let former: Option<Digest> = row.only("blob")?;
        if let Some(base) = self.packing.base {
            let Some(row) = tx.row(&LOCK_BASE, values![base]).await? else {
                return Ok(false);
            };
            let has_base = row.only::<Option<Digest>>("blob")?.is_some();
            let is_base = tx.row(&IS_BASE, values![self.digest]).await?.is_some();
            if base == self.digest || has_base || is_base {
                return Ok(false);
            }
            tx.refer_to_known(&base).await?;
        }
        if let Some(former) = former {
            tx.drop_reference(&former, self.at).await?;
        }
        let values = values![self.digest, self.packing.stored_bytes, self.packing.base];
        tx.execute(&NOTE_PACKING, values).await?;
        Ok(true)
    }
}

pub(crate) fn object_record(row: Row) -> Result<ObjectRecord, Failure> {
    let mut columns = row.read("object");
    Ok(ObjectRecord {
        project: columns.next()?,
        bucket: columns.next()?,
        key: columns.next()?,
        digest: columns.next()?,
        size_bytes: columns.next()?,
        media_type: columns.next()?,
        stored: columns.next()?,
    })
}

pub(crate) fn bucket_record(row: Row) -> Result<BucketRecord, Failure> {
    let mut columns = row.read("bucket");
    Ok(BucketRecord {
        project: columns.next()?,
        bucket: columns.next()?,
        created: columns.next()?,
        objects: columns.next()?,
        size_bytes: columns.next()?,
    })
}

macro_rules! object_columns {
    () => {
        "project, bucket, key, digest, size_bytes, media_type, stored"
    };
}
macro_rules! one_object {
    () => {
        "project = $1 AND bucket = $2 AND key = $3"
    };
}

const OBJECT: Statement = statement!("SELECT ", object_columns!(), " FROM objects WHERE ", one_object!());
const LOCK_OBJECT: Statement = locking!("SELECT ", object_columns!(), " FROM objects WHERE ", one_object!());
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
const INSERT_OBJECT: Statement =
    statement!("INSERT INTO objects (", object_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
const UPDATE_OBJECT: Statement = statement!(
    "UPDATE objects SET digest = $4, size_bytes = $5, media_type = $6, stored = $7 WHERE ",
    one_object!()
);
const DELETE_OBJECT: Statement = statement!("DELETE FROM objects WHERE ", one_object!());

const BUCKETS: Statement = statement!(
    "SELECT project, bucket, created, objects, size_bytes FROM buckets \
     WHERE project = $1 AND bucket > $2 ORDER BY bucket LIMIT $3"
);
pub(crate) const ALL_BUCKETS: Statement = statement!(
    "SELECT project, bucket, created, objects, size_bytes FROM buckets \
     WHERE (project, bucket) > ($1, $2) ORDER BY project, bucket LIMIT $3"
);
/// A look at every bucket of the project, of which there are few; objects are counted in their bucket's row.
const TOTALS: Statement = statement!(
    "SELECT count(*), CAST(coalesce(sum(objects), 0) AS BIGINT), CAST(coalesce(sum(size_bytes), 0) AS BIGINT) \
     FROM buckets WHERE project = $1"
);
const GROW_BUCKET: Statement = statement!(
    "INSERT INTO buckets (project, bucket, created, objects, size_bytes) VALUES ($1, $2, $3, 1, $4) \
     ON CONFLICT (project, bucket) \
     DO UPDATE SET objects = buckets.objects + 1, size_bytes = buckets.size_bytes + excluded.size_bytes"
);
const RESIZE_BUCKET: Statement =
    statement!("UPDATE buckets SET size_bytes = size_bytes + $3 - $4 WHERE project = $1 AND bucket = $2");
const SHRINK_BUCKET: Statement = statement!(
    "UPDATE buckets SET objects = objects - 1, size_bytes = size_bytes - $3 WHERE project = $1 AND bucket = $2"
);

const BLOB_SIZE: Statement = statement!("SELECT size_bytes FROM blobs WHERE digest = $1");
const UNREFERENCED: Statement = statement!(
    "SELECT digest FROM blobs WHERE unreferenced_since < $1 ORDER BY unreferenced_since, digest LIMIT $2"
);
const FORGET_BLOB: Statement =
    statement!("DELETE FROM blobs WHERE digest = $1 AND reference_count = 0 RETURNING base");
const BLOBS_TO_PACK: Statement = statement!(
    "SELECT digest FROM blobs WHERE stored_bytes IS NULL AND size_bytes >= $1 AND size_bytes <= $2 \
     ORDER BY digest LIMIT $3"
);
const PACKING: Statement = statement!("SELECT stored_bytes, base FROM blobs WHERE digest = $1");
const LOCK_BASE: Statement = locking!("SELECT base FROM blobs WHERE digest = $1");
const IS_BASE: Statement = statement!("SELECT digest FROM blobs WHERE base = $1 LIMIT 1");
const NOTE_PACKING: Statement = statement!("UPDATE blobs SET stored_bytes = $2, base = $3 WHERE digest = $1");
const PLACE_OF_BLOB: Statement = statement!(
    "SELECT ",
    object_columns!(),
    " FROM objects WHERE digest = $1 ORDER BY project, bucket, key LIMIT 1"
);
const BASES_BEFORE: Statement = statement!(
    "SELECT coalesce(blobs.base, blobs.digest) FROM objects JOIN blobs ON blobs.digest = objects.digest \
     WHERE project = $1 AND bucket = $2 AND key >= $3 AND key < $4 ORDER BY key DESC LIMIT $5"
);
const BASES_AFTER: Statement = statement!(
    "SELECT coalesce(blobs.base, blobs.digest) FROM objects JOIN blobs ON blobs.digest = objects.digest \
     WHERE project = $1 AND bucket = $2 AND key > $3 AND key < $4 ORDER BY key LIMIT $5"
);
/// Blobs that are stored as differences; for checking.
pub(crate) const ALL_BASES: Statement = statement!(
    "SELECT digest, base FROM blobs WHERE base IS NOT NULL AND digest > $1 ORDER BY digest LIMIT $2"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find an object", &OBJECT),
    ("find an object to change", &LOCK_OBJECT),
    ("list objects", &OBJECTS),
    ("list objects by prefix", &OBJECTS_UP_TO),
    ("update an object", &UPDATE_OBJECT),
    ("delete an object", &DELETE_OBJECT),
    ("list buckets", &BUCKETS),
    ("resize a bucket", &RESIZE_BUCKET),
    ("shrink a bucket", &SHRINK_BUCKET),
    ("add up buckets", &TOTALS),
    ("look who may read a blob", &IS_READABLE),
    ("find a blob", &BLOB_SIZE),
    ("list unreferenced blobs", &UNREFERENCED),
    ("forget a blob", &FORGET_BLOB),
    ("list blobs to pack", &BLOBS_TO_PACK),
    ("look how a blob is stored", &PACKING),
    ("look at a base", &LOCK_BASE),
    ("look whether a blob is a base", &IS_BASE),
    ("note how a blob is stored", &NOTE_PACKING),
    ("find where a blob lies", &PLACE_OF_BLOB),
    ("look for bases before", &BASES_BEFORE),
    ("look for bases after", &BASES_AFTER),
];

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
