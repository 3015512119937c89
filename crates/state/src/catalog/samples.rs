//! What buckets took, day by day. Derived from other rows, so it has no audit entries.

use async_trait::async_trait;
use casemate_model::{BucketName, Project, StoreError};
use casemate_objects::{BucketRecord, BucketSample, SampleCatalog};

use super::{ALL_BUCKETS, bucket_record};
use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl SampleCatalog for Store {
    async fn stored_bytes(&self, project: &Project, bucket: &BucketName) -> Result<u64, StoreError> {
        let action = "add up what a bucket takes";
        let row = self.row(action, &STORED_BYTES, values![project, bucket]).await?;
        Ok(read_one(row, action, |row| row.only("bucket"))?.unwrap_or(0))
    }

    async fn every_bucket(
        &self,
        after: Option<(Project, BucketName)>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, StoreError> {
        let action = "list the buckets of all projects";
        let after = after.map(|(project, bucket)| (project.to_string(), bucket.to_string()));
        let (project, bucket) = after.unwrap_or_default();
        let values = values![project, bucket, limit.min(PAGE_MAX)];
        read_all(self.rows(action, &ALL_BUCKETS, values).await?, action, bucket_record)
    }

    async fn put_sample(
        &self,
        project: &Project,
        bucket: &BucketName,
        sample: &BucketSample,
        oldest_day: u64,
    ) -> Result<(), StoreError> {
        let (project, bucket, sample) = (project.clone(), bucket.clone(), sample.clone());
        self.change(PutSample { project, bucket, sample, oldest_day }).await
    }

    async fn samples(
        &self,
        project: &Project,
        bucket: Option<&BucketName>,
        before_day: u64,
        limit: u32,
    ) -> Result<Vec<BucketSample>, StoreError> {
        let action = "list samples";
        let limit = limit.min(PAGE_MAX);
        let rows = match bucket {
            Some(bucket) => self.rows(action, &SAMPLES, values![project, bucket, before_day, limit]).await?,
            None => self.rows(action, &PROJECT_SAMPLES, values![project, before_day, limit]).await?,
        };
        read_all(rows, action, sample_record)
    }
}

struct PutSample {
    project: Project,
    bucket: BucketName,
    sample: BucketSample,
    oldest_day: u64,
}

#[async_trait]
impl Change for PutSample {
    type Answer = ();
    const ACTION: &'static str = "write down what a bucket takes";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        if tx.lock_bucket(&self.project, &self.bucket).await?.is_none() {
            return Ok(());
        }
        let BucketSample { day, measured, objects, versions, content_bytes, stored_bytes } = &self.sample;
        let (project, bucket) = (&self.project, &self.bucket);
        let values = values![project, bucket, day, measured, objects, versions, content_bytes, stored_bytes];
        tx.execute(&PUT_SAMPLE, values).await?;
        tx.execute(&DROP_OLD_SAMPLES, values![project, bucket, self.oldest_day]).await.map(drop)
    }
}

fn sample_record(row: Row) -> Result<BucketSample, Failure> {
    let mut columns = row.read("sample");
    Ok(BucketSample {
        day: columns.next()?,
        measured: columns.next()?,
        objects: columns.next()?,
        versions: columns.next()?,
        content_bytes: columns.next()?,
        stored_bytes: columns.next()?,
    })
}

macro_rules! sample_columns {
    () => {
        "day, measured, objects, versions, content_bytes, stored_bytes"
    };
}

/// Each blob once, with the bases that its differences need. A blob that nobody looked at yet is stored whole.
const STORED_BYTES: Statement = statement!(
    "WITH used AS (SELECT digest FROM objects WHERE project = $1 AND bucket = $2 \
     UNION SELECT digest FROM object_versions WHERE project = $1 AND bucket = $2 AND digest IS NOT NULL), \
     needed AS (SELECT digest FROM used UNION SELECT base FROM blobs WHERE project = $1 AND base IS NOT NULL \
     AND digest IN (SELECT digest FROM used)) \
     SELECT CAST(coalesce(sum(coalesce(stored_bytes, size_bytes)), 0) AS BIGINT) FROM blobs \
     WHERE project = $1 AND digest IN (SELECT digest FROM needed)"
);
const PUT_SAMPLE: Statement = statement!(
    "INSERT INTO bucket_samples (project, bucket, ",
    sample_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (project, bucket, day) DO UPDATE SET \
     measured = excluded.measured, objects = excluded.objects, versions = excluded.versions, \
     content_bytes = excluded.content_bytes, stored_bytes = excluded.stored_bytes"
);
const DROP_OLD_SAMPLES: Statement =
    statement!("DELETE FROM bucket_samples WHERE project = $1 AND bucket = $2 AND day < $3");
const SAMPLES: Statement = statement!(
    "SELECT ",
    sample_columns!(),
    " FROM bucket_samples WHERE project = $1 AND bucket = $2 AND day < $3 ORDER BY day DESC LIMIT $4"
);
/// Looks at every sample of the project, of which a bucket has a bounded number.
const PROJECT_SAMPLES: Statement = statement!(
    "SELECT day, max(measured), CAST(sum(objects) AS BIGINT), CAST(sum(versions) AS BIGINT), \
     CAST(sum(content_bytes) AS BIGINT), CAST(sum(stored_bytes) AS BIGINT) FROM bucket_samples \
     WHERE project = $1 AND day < $2 GROUP BY day ORDER BY day DESC LIMIT $3"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] =
    &[("list samples", &SAMPLES), ("drop old samples", &DROP_OLD_SAMPLES)];
