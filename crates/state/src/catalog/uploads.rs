//! Uploads in parts.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{StoreError, Timestamp, UploadId};
use casemate_objects::{PartPut, PartRecord, Place, ProjectQuota, UploadCatalog, UploadPage, UploadRecord};

use super::{first_text_past, stored};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl UploadCatalog for Store {
    async fn begin_upload(&self, upload: &UploadRecord, event: Event) -> Result<bool, StoreError> {
        self.change(BeginUpload { upload: upload.clone(), event }).await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<UploadRecord>, StoreError> {
        let action = "read an upload's row";
        read_one(self.row(action, &UPLOAD, values![id]).await?, action, upload_record)
    }

    async fn uploads(&self, page: &UploadPage) -> Result<Vec<UploadRecord>, StoreError> {
        let action = "list uploads";
        let end = first_text_past(&page.prefix).unwrap_or_else(|| char::MAX.to_string());
        let (key, id) = match &page.after {
            None => (String::new(), String::new()),
            Some((key, Some(id))) => (key.clone(), id.to_string()),
            // Greater than any id.
            Some((key, None)) => (key.clone(), "~".to_owned()),
        };
        let values = values![page.project, page.bucket, page.prefix, end, key, id, page.limit.min(PAGE_MAX)];
        read_all(self.rows(action, &UPLOADS, values).await?, action, upload_record)
    }

    async fn put_part(
        &self,
        upload: &UploadRecord,
        part: &PartRecord,
        quota: ProjectQuota,
    ) -> Result<PartPut, StoreError> {
        self.change(PutPart { id: upload.id, place: upload.place.clone(), part: part.clone(), quota }).await
    }

    async fn parts(&self, id: UploadId, after: u32, limit: u32) -> Result<Vec<PartRecord>, StoreError> {
        let action = "list the parts of an upload";
        let rows = self.rows(action, &PARTS, values![id, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, part_record)
    }

    async fn end_upload(&self, upload: &UploadRecord, event: Option<Event>) -> Result<bool, StoreError> {
        self.change(EndUpload { id: upload.id, place: upload.place.clone(), event }).await
    }

    async fn stale_uploads(&self, before: Timestamp, limit: u32) -> Result<Vec<UploadRecord>, StoreError> {
        let action = "list stale uploads";
        let rows = self.rows(action, &STALE, values![before, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, upload_record)
    }
}

struct BeginUpload {
    upload: UploadRecord,
    event: Event,
}

#[async_trait]
impl Change for BeginUpload {
    type Answer = bool;
    const ACTION: &'static str = "begin an upload";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let UploadRecord { id, place, media_type, attributes, begun } = &self.upload;
        if tx.lock_bucket(&place.project, &place.bucket).await?.is_none() {
            return Ok(false);
        }
        let attributes = stored::attributes_text(attributes);
        let values = values![id, place.project, place.bucket, place.key, media_type, attributes, begun];
        tx.execute(&INSERT_UPLOAD, values).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

struct PutPart {
    id: UploadId,
    place: Place,
    part: PartRecord,
    quota: ProjectQuota,
}

#[async_trait]
impl Change for PutPart {
    type Answer = PartPut;
    const ACTION: &'static str = "write down a part";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, Failure> {
        let Place { project, bucket, .. } = &self.place;
        // Usage, bucket, upload: in the order in which a put locks them.
        let usage = match self.quota.limits_anything() {
            true => Some(tx.lock_usage(project).await?),
            false => None,
        };
        tx.lock_bucket(project, bucket).await?;
        if !tx.lock_upload(self.id).await? {
            return Ok(PartPut::NoUpload);
        }
        let former = tx.row(&PART, values![self.id, self.part.number]).await?;
        let former = former.map(part_record).transpose()?;
        let sizes = (former.as_ref().map_or(0, |former| former.size_bytes), self.part.size_bytes);
        let growth = sizes.1.saturating_sub(sizes.0);
        if let Some(over) = usage.and_then(|usage| self.quota.refuses(&usage, (0, growth))) {
            return Ok(PartPut::OverQuota(over));
        }
        let PartRecord { number, size_bytes, etag, file, checksums, stored: at } = &self.part;
        let checksums = stored::checksums_text(checksums);
        tx.execute(&PUT_PART, values![self.id, number, size_bytes, etag, file, checksums, at]).await?;
        tx.count_upload(&self.place, sizes).await?;
        Ok(PartPut::Done { former })
    }
}

struct EndUpload {
    id: UploadId,
    place: Place,
    event: Option<Event>,
}

#[async_trait]
impl Change for EndUpload {
    type Answer = bool;
    const ACTION: &'static str = "end an upload";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        tx.lock_bucket(&self.place.project, &self.place.bucket).await?;
        if !tx.lock_upload(self.id).await? {
            return Ok(false);
        }
        tx.forget_upload(self.id, &self.place).await?;
        if let Some(event) = &self.event {
            tx.record(event).await?;
        }
        Ok(true)
    }
}

impl Tx<'_> {
    /// Whether an upload is under way; it stays so until the transaction ends. Whoever asks has locked its bucket.
    pub(super) async fn lock_upload(&mut self, id: UploadId) -> Result<bool, Failure> {
        Ok(self.row(&LOCK_UPLOAD, values![id]).await?.is_some())
    }

    /// The bytes of the parts of an upload that is locked.
    pub(super) async fn upload_bytes(&mut self, id: UploadId) -> Result<u64, Failure> {
        let row = self.row(&PARTS_BYTES, values![id]).await?;
        row.map_or(Ok(0), |row| row.only("part"))
    }

    /// Forgets an upload that is locked, and its parts.
    pub(super) async fn forget_upload(&mut self, id: UploadId, place: &Place) -> Result<(), Failure> {
        let bytes = self.upload_bytes(id).await?;
        self.execute(&DELETE_PARTS, values![id]).await?;
        self.execute(&DELETE_UPLOAD, values![id]).await?;
        self.count_upload(place, (bytes, 0)).await
    }

    /// Counts `new` bytes of parts more, and `old` less.
    async fn count_upload(&mut self, place: &Place, (old, new): (u64, u64)) -> Result<(), Failure> {
        self.execute(&COUNT_UPLOAD, values![place.project, place.bucket, new, old]).await.map(drop)
    }
}

fn upload_record(row: Row) -> Result<UploadRecord, Failure> {
    let mut columns = row.read("upload");
    Ok(UploadRecord {
        id: columns.next()?,
        place: Place { project: columns.next()?, bucket: columns.next()?, key: columns.next()? },
        media_type: columns.next()?,
        attributes: stored::read_attributes(&columns.next::<String>()?)?,
        begun: columns.next()?,
    })
}

fn part_record(row: Row) -> Result<PartRecord, Failure> {
    part_record_of(&mut row.read("part"))
}

/// Reads [`part_columns`].
pub(super) fn part_record_of(columns: &mut crate::sql::Columns) -> Result<PartRecord, Failure> {
    Ok(PartRecord {
        number: columns.next()?,
        size_bytes: columns.next()?,
        etag: columns.next()?,
        file: columns.next()?,
        checksums: stored::read_checksums(&columns.next::<String>()?)?,
        stored: columns.next()?,
    })
}

macro_rules! upload_columns {
    () => {
        "id, project, bucket, key, media_type, attributes, begun"
    };
}
macro_rules! part_columns {
    () => {
        "number, size_bytes, etag, file, checksums, stored"
    };
}

const UPLOAD: Statement = statement!("SELECT ", upload_columns!(), " FROM uploads WHERE id = $1");
const LOCK_UPLOAD: Statement = locking!("SELECT id FROM uploads WHERE id = $1");
const UPLOADS: Statement = statement!(
    "SELECT ",
    upload_columns!(),
    " FROM uploads WHERE project = $1 AND bucket = $2 AND key >= $3 AND key < $4 AND (key, id) > ($5, $6) \
     ORDER BY key, id LIMIT $7"
);
const STALE: Statement =
    statement!("SELECT ", upload_columns!(), " FROM uploads WHERE begun < $1 ORDER BY begun, id LIMIT $2");
const INSERT_UPLOAD: Statement =
    statement!("INSERT INTO uploads (", upload_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
const DELETE_UPLOAD: Statement = statement!("DELETE FROM uploads WHERE id = $1");
const PART: Statement =
    statement!("SELECT ", part_columns!(), " FROM upload_parts WHERE upload = $1 AND number = $2");
const PARTS: Statement = statement!(
    "SELECT ",
    part_columns!(),
    " FROM upload_parts WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3"
);
const PUT_PART: Statement = statement!(
    "INSERT INTO upload_parts (upload, ",
    part_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (upload, number) DO UPDATE SET \
     size_bytes = excluded.size_bytes, etag = excluded.etag, file = excluded.file, \
     checksums = excluded.checksums, stored = excluded.stored"
);
/// Parts without their upload are found by the engine, as a broken foreign key.
pub(crate) const ALL_PART_SIZES: Statement = statement!(
    "SELECT p.upload, p.number, u.project, u.bucket, p.size_bytes FROM upload_parts p JOIN uploads u ON u.id = p.upload \
     WHERE (p.upload, p.number) > ($1, $2) ORDER BY p.upload, p.number LIMIT $3"
);
const PARTS_BYTES: Statement =
    statement!("SELECT CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM upload_parts WHERE upload = $1");
/// Not below zero: an older node beside this one does not count parts, and their upload must end all the same.
const COUNT_UPLOAD: Statement = statement!(
    "UPDATE buckets SET upload_bytes = CASE WHEN upload_bytes + $3 > $4 THEN upload_bytes + $3 - $4 ELSE 0 END \
     WHERE project = $1 AND bucket = $2"
);
const DELETE_PARTS: Statement = statement!("DELETE FROM upload_parts WHERE upload = $1");

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find an upload", &UPLOAD),
    ("find an upload to change", &LOCK_UPLOAD),
    ("list uploads", &UPLOADS),
    ("list stale uploads", &STALE),
    ("find a part", &PART),
    ("list parts", &PARTS),
    ("add up the parts of an upload", &PARTS_BYTES),
    ("end the parts of an upload", &DELETE_PARTS),
    ("count a part", &COUNT_UPLOAD),
];
