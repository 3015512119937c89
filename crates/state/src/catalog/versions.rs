//! Versions of objects.
//!
//! The present content of a key is its row of `objects`; what it was before, and that it was deleted, are rows of
//! `object_versions`. The sequence of a key's newest version is always the greatest.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{Digest, StoreError, Timestamp, VersionId};
use casemate_objects::{Attributes, BlobId, ObjectRecord, Place, VersionPage, VersionRecord, Versioning};

use super::{DELETE_OBJECT, first_text_past, lower_bound, read_etag, read_version, stored};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

impl Store {
    pub(super) async fn find_version(
        &self,
        place: &Place,
        version: Option<VersionId>,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let action = "read a version's row";
        let values = values![place.project, place.bucket, place.key, version];
        read_one(self.row(action, &VERSION, values).await?, action, version_record)
    }

    pub(super) async fn list_versions(&self, page: &VersionPage) -> Result<Vec<VersionRecord>, StoreError> {
        let action = "list versions";
        let Some(from) = lower_bound(&page.prefix, page.past.as_deref()) else {
            return Ok(Vec::new());
        };
        let end = first_text_past(&page.prefix).unwrap_or_else(|| char::MAX.to_string());
        let (key, sequence) = match &page.after {
            None => (String::new(), 0),
            Some((key, sequence)) => (key.clone(), *sequence),
        };
        let limit = page.limit.min(PAGE_MAX);
        let values = values![page.project, page.bucket, from, end, key, sequence, limit];
        read_all(self.rows(action, &VERSIONS, values).await?, action, version_record)
    }
}

pub(super) struct DeleteVersion {
    pub(super) place: Place,
    pub(super) version: Option<VersionId>,
    pub(super) made: Option<Timestamp>,
    pub(super) event: Event,
}

#[async_trait]
impl Change for DeleteVersion {
    type Answer = Option<VersionRecord>;
    const ACTION: &'static str = "delete a version";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<VersionRecord>, Failure> {
        let Place { project, bucket, key } = &self.place;
        tx.lock_bucket(project, bucket).await?;
        let present = tx.lock_object(&self.place).await?;
        let row = tx.row(&VERSION, values![project, bucket, key, self.version]).await?;
        let found = row.map(version_record).transpose()?;
        let Some(version) = found.filter(|found| self.made.is_none_or(|made| found.stored == made)) else {
            return Ok(None);
        };
        if present.is_some_and(|(present, _)| present.version == self.version) {
            tx.execute(&DELETE_OBJECT, values![project, bucket, key]).await?;
            let size_bytes = version.object.as_ref().map(|object| object.size_bytes);
            tx.count_object(project, bucket, (size_bytes, None)).await?;
        } else {
            tx.execute(&DELETE_VERSION, values![project, bucket, key, version.sequence]).await?;
            let size_bytes = version.object.as_ref().map_or(0, |object| object.size_bytes);
            tx.count_version(&self.place, (Some(size_bytes), None)).await?;
        }
        if let Some(object) = &version.object {
            tx.drop_reference(&object.blob(), self.event.time).await?;
        }
        if version.latest {
            tx.bring_to_light(&self.place).await?;
        }
        tx.record(&self.event).await?;
        Ok(Some(version))
    }
}

pub(super) struct SetAttributes {
    pub(super) object: ObjectRecord,
    pub(super) attributes: Attributes,
    pub(super) event: Event,
}

#[async_trait]
impl Change for SetAttributes {
    type Answer = bool;
    const ACTION: &'static str = "set the attributes of an object";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let ObjectRecord { project, bucket, key, version, digest, stored, .. } = &self.object;
        let text = stored::attributes_text(&self.attributes);
        let values = values![project, bucket, key, *version, text, *digest, *stored];
        let changed =
            tx.execute(&SET_ATTRIBUTES, values).await? + tx.execute(&SET_OLD_ATTRIBUTES, values).await?;
        if changed > 0 {
            tx.record(&self.event).await?;
        }
        Ok(changed > 0)
    }
}

impl Tx<'_> {
    /// The sequence of the next version of a key whose present content, if there is any, has the sequence `present`.
    pub(super) async fn next_sequence(
        &mut self,
        place: &Place,
        present: Option<u64>,
    ) -> Result<u64, Failure> {
        let row = self.row(&NEWEST, values![place.project, place.bucket, place.key]).await?;
        let newest = row.map(version_record).transpose()?.map(|version| version.sequence);
        Ok(present.max(newest).map_or(0, |sequence| sequence + 1))
    }

    /// Keeps what was the content of a key as a version, or drops its reference where no version is kept.
    pub(super) async fn retire(
        &mut self,
        old: &ObjectRecord,
        sequence: u64,
        (versioning, at): (Versioning, Timestamp),
    ) -> Result<(), Failure> {
        let kept = match versioning {
            Versioning::Off => false,
            Versioning::On => true,
            // The null version is the one that is replaced.
            Versioning::Suspended => old.version.is_some(),
        };
        if !kept {
            return self.drop_reference(&old.blob(), at).await;
        }
        let attributes = stored::attributes_text(&old.attributes);
        let values = values![
            old.project,
            old.bucket,
            old.key,
            sequence,
            old.version,
            Some(old.digest),
            old.size_bytes,
            old.media_type,
            old.stored,
            old.etag,
            attributes
        ];
        self.execute(&INSERT_VERSION, values).await?;
        self.count_version(&old.place(), (None, Some(old.size_bytes))).await
    }

    /// Removes the null version among those that are not the present content.
    pub(super) async fn drop_null_version(&mut self, place: &Place, at: Timestamp) -> Result<(), Failure> {
        let row = self.row(&DROP_NULL, values![place.project, place.bucket, place.key]).await?;
        let Some(row) = row else {
            return Ok(());
        };
        let mut columns = row.read("version");
        let (digest, size_bytes): (Option<Digest>, u64) = (columns.next()?, columns.next()?);
        self.count_version(place, (Some(size_bytes), None)).await?;
        match digest {
            Some(digest) => self.drop_reference(&BlobId::new(&place.project, digest), at).await,
            None => Ok(()),
        }
    }

    /// Writes down that a key was deleted.
    pub(super) async fn write_marker(
        &mut self,
        place: &Place,
        version: Option<VersionId>,
        (sequence, at): (u64, Timestamp),
    ) -> Result<(), Failure> {
        let Place { project, bucket, key } = place;
        let values = values![project, bucket, key, sequence, version, None::<Digest>, 0u64, "", at, "", "{}"];
        self.execute(&INSERT_VERSION, values).await?;
        self.count_version(place, (None, Some(0))).await
    }

    /// Makes the newest version that is left the content of its key, if it has content.
    async fn bring_to_light(&mut self, place: &Place) -> Result<(), Failure> {
        let row = self.row(&NEWEST, values![place.project, place.bucket, place.key]).await?;
        let Some(newest) = row.map(version_record).transpose()? else {
            return Ok(());
        };
        let Some(object) = newest.object else {
            return Ok(());
        };
        let Place { project, bucket, key } = place;
        self.execute(&DELETE_VERSION, values![project, bucket, key, newest.sequence]).await?;
        self.count_version(place, (Some(object.size_bytes), None)).await?;
        self.write_object(&object, newest.sequence).await?;
        self.count_object(project, bucket, (None, Some(object.size_bytes))).await
    }
}

/// Reads a version; its `latest` is the last column.
pub(crate) fn version_record(row: Row) -> Result<VersionRecord, Failure> {
    let mut columns = row.read("version");
    let place = Place { project: columns.next()?, bucket: columns.next()?, key: columns.next()? };
    let (sequence, version) = (columns.next()?, columns.next::<String>()?);
    let digest: Option<Digest> = columns.next()?;
    let (size_bytes, media_type, at) = (columns.next()?, columns.next()?, columns.next()?);
    let (etag, attributes) = (columns.next::<String>()?, columns.next::<String>()?);
    let version = read_version(&version)?;
    let object = match digest {
        None => None,
        Some(digest) => Some(ObjectRecord {
            project: place.project.clone(),
            bucket: place.bucket.clone(),
            key: place.key.clone(),
            digest,
            size_bytes,
            media_type,
            stored: at,
            etag: read_etag(&etag, &digest)?,
            attributes: stored::read_attributes(&attributes)?,
            version,
        }),
    };
    Ok(VersionRecord { place, version, sequence, latest: columns.next()?, stored: at, object })
}

macro_rules! version_columns {
    () => {
        "project, bucket, key, sequence, version, digest, size_bytes, media_type, stored, etag, attributes"
    };
}
/// A row of `object_versions` is the latest if the key has no content, and nothing newer.
macro_rules! old_version {
    () => {
        concat!(
            "project, bucket, key, sequence, version, digest, size_bytes, media_type, stored, etag, attributes, ",
            "CASE WHEN EXISTS (SELECT 1 FROM objects o WHERE o.project = v.project AND o.bucket = v.bucket \
             AND o.key = v.key) OR EXISTS (SELECT 1 FROM object_versions n WHERE n.project = v.project \
             AND n.bucket = v.bucket AND n.key = v.key AND n.sequence > v.sequence) THEN 0 ELSE 1 END AS latest"
        )
    };
}

const VERSION: Statement = statement!(
    "SELECT ",
    version_columns!(),
    ", 1 AS latest FROM objects WHERE project = $1 AND bucket = $2 AND key = $3 AND version = $4 \
     UNION ALL SELECT ",
    old_version!(),
    " FROM object_versions v WHERE project = $1 AND bucket = $2 AND key = $3 AND version = $4"
);
const VERSIONS: Statement = statement!(
    "SELECT ",
    version_columns!(),
    ", 1 AS latest FROM objects WHERE project = $1 AND bucket = $2 AND key >= $3 AND key < $4 \
     AND (key > $5 OR (key = $5 AND sequence < $6)) UNION ALL SELECT ",
    old_version!(),
    " FROM object_versions v WHERE project = $1 AND bucket = $2 AND key >= $3 AND key < $4 \
     AND (key > $5 OR (key = $5 AND sequence < $6)) ORDER BY key, sequence DESC LIMIT $7"
);
const NEWEST: Statement = statement!(
    "SELECT ",
    version_columns!(),
    ", 0 AS latest FROM object_versions WHERE project = $1 AND bucket = $2 AND key = $3 \
     ORDER BY sequence DESC LIMIT 1"
);
pub(crate) const ALL_OBJECT_VERSIONS: Statement = statement!(
    "SELECT ",
    version_columns!(),
    ", 0 AS latest FROM object_versions WHERE (project, bucket, key, sequence) > ($1, $2, $3, $4) \
     ORDER BY project, bucket, key, sequence LIMIT $5"
);
const INSERT_VERSION: Statement = statement!(
    "INSERT INTO object_versions (",
    version_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
);
const DELETE_VERSION: Statement = statement!(
    "DELETE FROM object_versions WHERE project = $1 AND bucket = $2 AND key = $3 AND sequence = $4"
);
const SET_ATTRIBUTES: Statement = statement!(
    "UPDATE objects SET attributes = $5 WHERE project = $1 AND bucket = $2 AND key = $3 AND version = $4 \
     AND digest = $6 AND stored = $7"
);
/// A mark of deletion has no attributes.
const SET_OLD_ATTRIBUTES: Statement = statement!(
    "UPDATE object_versions SET attributes = $5 \
     WHERE project = $1 AND bucket = $2 AND key = $3 AND version = $4 AND digest = $6 AND stored = $7"
);
const DROP_NULL: Statement = statement!(
    "DELETE FROM object_versions WHERE project = $1 AND bucket = $2 AND key = $3 AND version = 'null' \
     RETURNING digest, size_bytes"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a version", &VERSION),
    ("find the newest version", &NEWEST),
    ("delete a version", &DELETE_VERSION),
    ("drop the null version", &DROP_NULL),
    ("set the attributes of an object", &SET_ATTRIBUTES),
    ("set the attributes of a version", &SET_OLD_ATTRIBUTES),
];
