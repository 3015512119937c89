use casemate_model::BucketName;
use casemate_objects::{
    BucketRecord, BucketSettings, CorsRule, LifecycleRule, ObjectsError, ProjectQuota, ProjectUsage,
};
use casemate_policy::{Resource, operation};

use crate::objects::keys_resource;
use crate::{Caller, Control, ControlError};

/// How often others may come first before a change of settings is given up. Each time one of them got his way.
const CONFIGURE_ATTEMPTS_MAX: u32 = 100;

impl Control {
    /// Lists buckets.
    pub async fn list_buckets(
        &self,
        caller: &Caller,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, ControlError> {
        let permit = self.permit::<operation::ListBuckets>(caller, &Resource::all("buckets")).await?;
        Ok(self.parts.objects.buckets(&permit, after, limit).await?)
    }

    /// What the project holds as its quota counts it, and the quota.
    pub async fn usage(&self, caller: &Caller) -> Result<(ProjectUsage, ProjectQuota), ControlError> {
        let permit = self.permit::<operation::ListBuckets>(caller, &Resource::all("buckets")).await?;
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

    /// The same for a caller who may change its settings; others are refused.
    pub async fn show_bucket_to_configure(
        &self,
        caller: &Caller,
        bucket: &BucketName,
    ) -> Result<BucketRecord, ControlError> {
        let permit = self.permit::<operation::ConfigureBucket>(caller, &bucket_resource(bucket)).await?;
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

    /// Changes the settings of a bucket by `change`, once more if somebody else changed them meanwhile, here or on another
    /// node.
    pub async fn configure_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        what: &'static str,
        change: impl Fn(&mut BucketSettings) + Send + Sync,
    ) -> Result<(), ControlError> {
        let resource = bucket_resource(bucket);
        let permit = self.permit::<operation::ConfigureBucket>(caller, &resource).await?;
        for _ in 0..CONFIGURE_ATTEMPTS_MAX {
            let read = self.parts.objects.bucket(permit.project(), bucket).await?.settings;
            let mut settings = read.clone();
            change(&mut settings);
            LifecycleRule::check_all(&settings.lifecycle).map_err(ObjectsError::Lifecycle)?;
            let event = self.event(caller, permit.action(), &resource, what);
            let settings = (&read, &settings);
            if self.parts.objects.configure_bucket(&permit, bucket, settings, event).await? {
                return Ok(());
            }
        }
        Err(ObjectsError::BucketContended { bucket: bucket.to_string() }.into())
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

/// A bucket with all that is in it.
fn bucket_resource(bucket: &BucketName) -> Resource {
    keys_resource(bucket, "")
}
