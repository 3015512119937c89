use casemate_model::BucketName;
use casemate_objects::{
    BucketRecord, BucketSettings, CorsRule, LifecycleRule, ObjectsError, ProjectQuota, ProjectUsage,
};
use casemate_policy::operation;

use crate::{Caller, Control, ControlError};

impl Control {
    /// Lists buckets.
    pub async fn list_buckets(
        &self,
        caller: &Caller,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, ControlError> {
        let permit = self.permit::<operation::ListBuckets>(caller, "buckets").await?;
        Ok(self.parts.objects.buckets(&permit, after, limit).await?)
    }

    /// What the project holds as its quota counts it, and the quota.
    pub async fn usage(&self, caller: &Caller) -> Result<(ProjectUsage, ProjectQuota), ControlError> {
        let permit = self.permit::<operation::ListBuckets>(caller, "buckets").await?;
        Ok(self.parts.objects.usage(&permit).await?)
    }

    /// Shows a bucket.
    pub async fn show_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
    ) -> Result<BucketRecord, ControlError> {
        let permit = self.permit::<operation::ShowBucket>(caller, &bucket_resource(bucket)).await?;
        Ok(self.parts.objects.bucket(permit.project(), bucket).await?)
    }

    /// Makes an empty bucket; false if it is there already.
    pub async fn create_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        settings: &BucketSettings,
    ) -> Result<bool, ControlError> {
        let resource = bucket_resource(bucket);
        let permit = self.permit::<operation::CreateBucket>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "made");
        Ok(self.parts.objects.create_bucket(&permit, bucket, settings, event).await?)
    }

    /// Changes the settings of a bucket by `change`.
    pub async fn configure_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        what: &'static str,
        change: impl FnOnce(&mut BucketSettings) + Send,
    ) -> Result<(), ControlError> {
        let resource = bucket_resource(bucket);
        let permit = self.permit::<operation::ConfigureBucket>(caller, &resource).await?;
        let _alone = self.configuring.lock().await;
        let mut settings = self.parts.objects.bucket(permit.project(), bucket).await?.settings;
        change(&mut settings);
        LifecycleRule::check_all(&settings.lifecycle).map_err(ObjectsError::Lifecycle)?;
        let event = self.event(caller, permit.action(), &resource, what);
        Ok(self.parts.objects.configure_bucket(&permit, bucket, &settings, event).await?)
    }

    /// What pages of other origins may do with buckets of a name. Browsers ask before anybody has signed, so it takes no
    /// permission.
    pub async fn cors_rules(&self, bucket: &BucketName) -> Result<Vec<CorsRule>, ControlError> {
        Ok(self.parts.objects.cors_rules(bucket).await?)
    }

    /// Deletes a bucket in which there is nothing.
    pub async fn delete_bucket(&self, caller: &Caller, bucket: &BucketName) -> Result<(), ControlError> {
        let resource = bucket_resource(bucket);
        let permit = self.permit::<operation::DeleteBucket>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "deleted");
        Ok(self.parts.objects.delete_bucket(&permit, bucket, event).await?)
    }
}

fn bucket_resource(bucket: &BucketName) -> String {
    format!("bucket:{bucket}")
}
