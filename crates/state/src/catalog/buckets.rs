//! Buckets, their settings and their counters.

use async_trait::async_trait;
use casemate_ledger::Event;
use casemate_model::{BucketName, Project, StoreError, Timestamp};
use casemate_objects::{
    BucketCatalog, BucketDeleted, BucketRecord, BucketSettings, BucketTotals, Configured, Place,
    ProjectUsage, Versioning,
};

use super::stored;
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl BucketCatalog for Store {
    async fn create_bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
        settings: &BucketSettings,
        event: Event,
    ) -> Result<bool, StoreError> {
        let (project, bucket, settings) = (project.clone(), bucket.clone(), settings.clone());
        self.change(CreateBucket { project, bucket, settings, event }).await
    }

    async fn bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
    ) -> Result<Option<BucketRecord>, StoreError> {
        let action = "read a bucket's row";
        read_one(self.row(action, &BUCKET, values![project, bucket]).await?, action, bucket_record)
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

    async fn configure_bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
        (read, settings): (&BucketSettings, &BucketSettings),
        event: Event,
    ) -> Result<Configured, StoreError> {
        let (project, bucket) = (project.clone(), bucket.clone());
        let (read, settings) = (read.clone(), settings.clone());
        self.change(ConfigureBucket { project, bucket, read, settings, event }).await
    }

    async fn delete_bucket(
        &self,
        project: &Project,
        bucket: &BucketName,
        event: Event,
    ) -> Result<BucketDeleted, StoreError> {
        self.change(DeleteBucket { project: project.clone(), bucket: bucket.clone(), event }).await
    }

    async fn settings_of(&self, bucket: &BucketName) -> Result<Vec<BucketSettings>, StoreError> {
        let action = "look up buckets of a name";
        let rows = self.rows(action, &SETTINGS, values![bucket]).await?;
        read_all(rows, action, |row| stored::read_settings(&row.only::<String>("bucket")?))
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

    async fn usage(&self, project: &Project) -> Result<ProjectUsage, StoreError> {
        let action = "add up what a project holds";
        let row = self.row(action, &USAGE, values![project]).await?;
        Ok(read_one(row, action, usage_record)?.unwrap_or_default())
    }
}

fn usage_record(row: Row) -> Result<ProjectUsage, Failure> {
    let mut columns = row.read("bucket");
    Ok(ProjectUsage { objects: columns.next()?, bytes: columns.next()?, upload_bytes: columns.next()? })
}

struct CreateBucket {
    project: Project,
    bucket: BucketName,
    settings: BucketSettings,
    event: Event,
}

#[async_trait]
impl Change for CreateBucket {
    type Answer = bool;
    const ACTION: &'static str = "make a bucket";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let settings = stored::settings_text(&self.settings);
        let values = values![self.project, self.bucket, self.event.time, settings];
        let made = tx.execute(&INSERT_BUCKET, values).await? == 1;
        if made {
            tx.record(&self.event).await?;
        }
        Ok(made)
    }
}

struct ConfigureBucket {
    project: Project,
    bucket: BucketName,
    read: BucketSettings,
    settings: BucketSettings,
    event: Event,
}

#[async_trait]
impl Change for ConfigureBucket {
    type Answer = Configured;
    const ACTION: &'static str = "change a bucket's settings";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Configured, Failure> {
        match tx.lock_settings(&self.project, &self.bucket).await? {
            None => return Ok(Configured::Absent),
            Some(found) if found != self.read => return Ok(Configured::Overtaken),
            Some(_) => {}
        }
        let text = stored::settings_text(&self.settings);
        tx.execute(&CONFIGURE, values![self.project, self.bucket, text]).await?;
        tx.record(&self.event).await?;
        Ok(Configured::Done)
    }
}

struct DeleteBucket {
    project: Project,
    bucket: BucketName,
    event: Event,
}

#[async_trait]
impl Change for DeleteBucket {
    type Answer = BucketDeleted;
    const ACTION: &'static str = "delete a bucket";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<BucketDeleted, Failure> {
        let place = values![self.project, self.bucket];
        if tx.row(&LOCK_BUCKET, place).await?.is_none() {
            return Ok(BucketDeleted::Absent);
        }
        if tx.row(&ANYTHING_IN_BUCKET, place).await?.is_some() {
            return Ok(BucketDeleted::NotEmpty);
        }
        tx.execute(&DELETE_SAMPLES, place).await?;
        tx.execute(&DELETE_BUCKET, place).await?;
        tx.record(&self.event).await?;
        Ok(BucketDeleted::Done)
    }
}

impl Tx<'_> {
    /// How a bucket keeps versions; it stays so until the transaction ends. `None` if there is no such bucket.
    pub(super) async fn lock_bucket(
        &mut self,
        project: &Project,
        bucket: &BucketName,
    ) -> Result<Option<Versioning>, Failure> {
        let settings = self.lock_settings(project, bucket).await?;
        Ok(settings.map(|settings| settings.versioning))
    }

    async fn lock_settings(
        &mut self,
        project: &Project,
        bucket: &BucketName,
    ) -> Result<Option<BucketSettings>, Failure> {
        let row = self.row(&LOCK_BUCKET, values![project, bucket]).await?;
        let text: Option<String> = row.map(|row| row.only("bucket")).transpose()?;
        text.map(|text| stored::read_settings(&text)).transpose()
    }

    /// What a project holds; nobody else who asks this way gets an answer until the transaction ends.
    pub(super) async fn lock_usage(&mut self, project: &Project) -> Result<ProjectUsage, Failure> {
        self.row(&LOCK_USAGE, values![project]).await?;
        let row = self.row(&USAGE, values![project]).await?;
        row.map_or_else(|| Ok(ProjectUsage::default()), usage_record)
    }

    /// Makes a bucket that a put found missing.
    pub(super) async fn make_bucket(
        &mut self,
        project: &Project,
        bucket: &BucketName,
        at: Timestamp,
    ) -> Result<(), Failure> {
        // Who made it first may have put the very key that was looked for in vain.
        match self.execute(&INSERT_BUCKET, values![project, bucket, at, "{}"]).await? {
            0 => Err(Failure::Overtaken),
            _ => Ok(()),
        }
    }

    /// Counts an object of `new` bytes more, and one of `old` bytes less.
    pub(super) async fn count_object(
        &mut self,
        project: &Project,
        bucket: &BucketName,
        (old, new): (Option<u64>, Option<u64>),
    ) -> Result<(), Failure> {
        let (more, less) = (u64::from(new.is_some()), u64::from(old.is_some()));
        let values = values![project, bucket, more, less, new.unwrap_or(0), old.unwrap_or(0)];
        self.execute(&COUNT, values).await.map(drop)
    }

    /// Counts an older version of `new` bytes more, and one of `old` bytes less.
    pub(super) async fn count_version(
        &mut self,
        place: &Place,
        (old, new): (Option<u64>, Option<u64>),
    ) -> Result<(), Failure> {
        let (more, less) = (u64::from(new.is_some()), u64::from(old.is_some()));
        let (project, bucket) = (&place.project, &place.bucket);
        let values = values![project, bucket, more, less, new.unwrap_or(0), old.unwrap_or(0)];
        self.execute(&COUNT_VERSION, values).await.map(drop)
    }
}

pub(crate) fn bucket_record(row: Row) -> Result<BucketRecord, Failure> {
    let mut columns = row.read("bucket");
    Ok(BucketRecord {
        project: columns.next()?,
        bucket: columns.next()?,
        created: columns.next()?,
        objects: columns.next()?,
        size_bytes: columns.next()?,
        versions: columns.next()?,
        version_bytes: columns.next()?,
        upload_bytes: columns.next()?,
        settings: stored::read_settings(&columns.next::<String>()?)?,
    })
}

macro_rules! bucket_columns {
    () => {
        "project, bucket, created, objects, size_bytes, versions, version_bytes, upload_bytes, settings"
    };
}

const BUCKET: Statement =
    statement!("SELECT ", bucket_columns!(), " FROM buckets WHERE project = $1 AND bucket = $2");
const LOCK_BUCKET: Statement = locking!("SELECT settings FROM buckets WHERE project = $1 AND bucket = $2");
const BUCKETS: Statement = statement!(
    "SELECT ",
    bucket_columns!(),
    " FROM buckets WHERE project = $1 AND bucket > $2 ORDER BY bucket LIMIT $3"
);
pub(crate) const ALL_BUCKETS: Statement = statement!(
    "SELECT ",
    bucket_columns!(),
    " FROM buckets WHERE (project, bucket) > ($1, $2) ORDER BY project, bucket LIMIT $3"
);
/// A look at every bucket of the project, of which there are few; objects are counted in their bucket's row.
const TOTALS: Statement = statement!(
    "SELECT count(*), CAST(coalesce(sum(objects), 0) AS BIGINT), CAST(coalesce(sum(size_bytes), 0) AS BIGINT) \
     FROM buckets WHERE project = $1"
);
/// What the counters of a project's buckets add up to, of which there are few.
const USAGE: Statement = statement!(
    "SELECT CAST(coalesce(sum(objects + versions), 0) AS BIGINT), \
     CAST(coalesce(sum(size_bytes + version_bytes + upload_bytes), 0) AS BIGINT), \
     CAST(coalesce(sum(upload_bytes), 0) AS BIGINT) FROM buckets WHERE project = $1"
);
/// A sum has no row that could be locked, and a new bucket is in nobody's sight: those who ask for one project take turns.
/// SQLite has one writer anyway.
const LOCK_USAGE: Statement = Statement {
    sqlite: "SELECT 1 WHERE $1 IS NOT NULL",
    postgres: "SELECT 1 FROM pg_advisory_xact_lock(7310032, hashtext($1)) AS held",
};
const INSERT_BUCKET: Statement = statement!(
    "INSERT INTO buckets (project, bucket, created, objects, size_bytes, settings) VALUES ($1, $2, $3, 0, 0, $4) \
     ON CONFLICT (project, bucket) DO NOTHING"
);
const SETTINGS: Statement = statement!("SELECT settings FROM buckets WHERE bucket = $1 LIMIT 100");
const CONFIGURE: Statement =
    statement!("UPDATE buckets SET settings = $3 WHERE project = $1 AND bucket = $2");
const DELETE_BUCKET: Statement = statement!("DELETE FROM buckets WHERE project = $1 AND bucket = $2");
const DELETE_SAMPLES: Statement = statement!("DELETE FROM bucket_samples WHERE project = $1 AND bucket = $2");
const ANYTHING_IN_BUCKET: Statement = statement!(
    "SELECT 1 FROM objects WHERE project = $1 AND bucket = $2 \
     UNION ALL SELECT 1 FROM object_versions WHERE project = $1 AND bucket = $2 \
     UNION ALL SELECT 1 FROM uploads WHERE project = $1 AND bucket = $2 LIMIT 1"
);
const COUNT: Statement = statement!(
    "UPDATE buckets SET objects = objects + $3 - $4, size_bytes = size_bytes + $5 - $6 \
     WHERE project = $1 AND bucket = $2"
);

const COUNT_VERSION: Statement = statement!(
    "UPDATE buckets SET versions = versions + $3 - $4, version_bytes = version_bytes + $5 - $6 \
     WHERE project = $1 AND bucket = $2"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a bucket", &BUCKET),
    ("find a bucket to change", &LOCK_BUCKET),
    ("list buckets", &BUCKETS),
    ("look up buckets of a name", &SETTINGS),
    ("count an object", &COUNT),
    ("count a version", &COUNT_VERSION),
    ("look whether a bucket is empty", &ANYTHING_IN_BUCKET),
    ("add up buckets", &TOTALS),
    ("add up what a project holds", &USAGE),
];
