use casemate_ledger::Event;
use casemate_model::{BucketName, Project};
use casemate_policy::{Permit, operation};

use super::Objects;
use crate::{
    BucketDeleted, BucketRecord, BucketSettings, BucketTotals, Configured, CorsRule, ObjectsError,
    ProjectQuota, ProjectUsage,
};

impl Objects {
    /// Lists buckets after `after`.
    pub async fn buckets(
        &self,
        permit: &Permit<operation::ListBuckets>,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, ObjectsError> {
        Ok(self.catalog.buckets(permit.project(), after, limit).await?)
    }

    /// Finds a bucket for a use case that holds a permit in its project.
    pub async fn bucket(&self, project: &Project, bucket: &BucketName) -> Result<BucketRecord, ObjectsError> {
        let found = self.catalog.bucket(project, bucket).await?;
        found.ok_or_else(|| ObjectsError::BucketNotFound { bucket: bucket.to_string() })
    }

    /// Makes an empty bucket; false if it is there already.
    pub async fn create_bucket(
        &self,
        permit: &Permit<operation::CreateBucket>,
        bucket: &BucketName,
        settings: &BucketSettings,
        event: Event,
    ) -> Result<bool, ObjectsError> {
        Ok(self.catalog.create_bucket(permit.project(), bucket, settings, event).await?)
    }

    /// Replaces the settings `read` of a bucket; false if it has others by now.
    pub async fn configure_bucket(
        &self,
        permit: &Permit<operation::ConfigureBucket>,
        bucket: &BucketName,
        (read, settings): (&BucketSettings, &BucketSettings),
        event: Event,
    ) -> Result<bool, ObjectsError> {
        match self.catalog.configure_bucket(permit.project(), bucket, (read, settings), event).await? {
            Configured::Done => Ok(true),
            Configured::Overtaken => Ok(false),
            Configured::Absent => Err(ObjectsError::BucketNotFound { bucket: bucket.to_string() }),
        }
    }

    /// Deletes a bucket in which there is nothing.
    pub async fn delete_bucket(
        &self,
        permit: &Permit<operation::DeleteBucket>,
        bucket: &BucketName,
        event: Event,
    ) -> Result<(), ObjectsError> {
        match self.catalog.delete_bucket(permit.project(), bucket, event).await? {
            BucketDeleted::Done => Ok(()),
            BucketDeleted::Absent => Err(ObjectsError::BucketNotFound { bucket: bucket.to_string() }),
            BucketDeleted::NotEmpty => Err(ObjectsError::BucketNotEmpty { bucket: bucket.to_string() }),
        }
    }

    /// What pages of other origins may do with buckets of a name, whoever they belong to.
    pub async fn cors_rules(&self, bucket: &BucketName) -> Result<Vec<CorsRule>, ObjectsError> {
        let settings = self.catalog.settings_of(bucket).await?;
        Ok(settings.into_iter().flat_map(|settings| settings.cors).collect())
    }

    /// What the buckets of a project hold as its quota counts it, and the quota.
    pub async fn usage(
        &self,
        permit: &Permit<operation::ListBuckets>,
    ) -> Result<(ProjectUsage, ProjectQuota), ObjectsError> {
        Ok((self.catalog.usage(permit.project()).await?, self.quota))
    }

    /// What the buckets of `project` hold together; the caller has a permit for the overview.
    pub async fn totals(&self, project: &Project) -> Result<BucketTotals, ObjectsError> {
        Ok(self.catalog.totals(project).await?)
    }
}
