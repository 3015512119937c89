//! What buckets take: measured by upkeep, kept day by day, and told.

use std::time::Duration;

use casemate_model::BucketName;
use casemate_objects::{BucketRecord, BucketSample};
use casemate_policy::{Resource, operation};

use crate::sweep::note;
use crate::{Caller, Control, ControlError};

/// How often buckets are measured when nothing was packed.
const MEASURE_INTERVAL: Duration = Duration::from_secs(60);

/// How long a measurement waits after something was packed, for more that is being packed.
const MEASURE_DELAY: Duration = Duration::from_secs(2);

/// A bucket with more objects and versions than this is measured seldom, as all of them are looked at.
const QUICK_MAX: u64 = 20_000;

/// How long the figures of a large bucket are good for.
const SLOW_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Buckets that are read at a time.
const BUCKETS_PAGE: u32 = 200;

/// A bucket with what it took when it was measured last, if it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The bucket.
    pub bucket: BucketRecord,
    /// The measurement.
    pub sample: Option<BucketSample>,
}

/// Measures buckets until the node stops.
pub(crate) async fn measure(control: Control) {
    let mut rounds = tokio::time::interval(MEASURE_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let delay = tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => Duration::ZERO,
            () = control.packed.notified() => MEASURE_DELAY,
        };
        let measuring = async {
            tokio::time::sleep(delay).await;
            control.measure_buckets().await
        };
        tokio::select! {
            () = control.stopping.cancelled() => return,
            measured = measuring => note(measured),
        }
    }
}

impl Control {
    /// Adds to buckets what they took when they were measured last.
    pub async fn list_measured_buckets(
        &self,
        caller: &Caller,
        after: Option<&BucketName>,
        limit: u32,
    ) -> Result<Vec<Measured>, ControlError> {
        let mut measured = Vec::new();
        for bucket in self.list_buckets(caller, after, limit).await? {
            measured.push(Measured { sample: self.newest_sample(&bucket).await?, bucket });
        }
        Ok(measured)
    }

    /// Shows a bucket with what it takes now, if that is quickly found out, or took lately.
    pub async fn show_measured_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
    ) -> Result<Measured, ControlError> {
        let bucket = self.show_bucket(caller, bucket).await?;
        let sample = if is_quick(&bucket) {
            Some(self.parts.objects.measure(&bucket, self.now()).await?)
        } else {
            self.newest_sample(&bucket).await?
        };
        Ok(Measured { bucket, sample })
    }

    /// What a bucket took on days before `before_day`, the newest first.
    pub async fn list_samples(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        before_day: Option<u64>,
        limit: u32,
    ) -> Result<Vec<BucketSample>, ControlError> {
        let found = self.show_bucket(caller, bucket).await?;
        Ok(self.parts.objects.samples(&found.project, Some(bucket), before_day, limit).await?)
    }

    /// What all buckets of the project took together.
    pub async fn list_project_samples(
        &self,
        caller: &Caller,
        before_day: Option<u64>,
        limit: u32,
    ) -> Result<Vec<BucketSample>, ControlError> {
        let permit = self.permit::<operation::ListBuckets>(caller, &Resource::all("buckets")).await?;
        Ok(self.parts.objects.samples(permit.project(), None, before_day, limit).await?)
    }

    /// Measures all buckets whose figures may have changed.
    async fn measure_buckets(&self) -> Result<(), ControlError> {
        let mut after = None;
        loop {
            let buckets = self.parts.objects.every_bucket(after, BUCKETS_PAGE).await?;
            let last = buckets.last().map(|bucket| (bucket.project.clone(), bucket.bucket.clone()));
            for bucket in &buckets {
                if self.stopping.is_cancelled() {
                    return Ok(());
                }
                self.measure_bucket(bucket).await?;
            }
            if buckets.len() < BUCKETS_PAGE as usize {
                return Ok(());
            }
            after = last;
        }
    }

    async fn measure_bucket(&self, bucket: &BucketRecord) -> Result<(), ControlError> {
        let former = self.newest_sample(bucket).await?;
        let fresh = former.as_ref().is_some_and(|former| {
            let today = former.day == BucketSample::day_of(self.now());
            today && self.now().saturating_since(former.measured) < SLOW_INTERVAL
        });
        if fresh && !is_quick(bucket) {
            return Ok(());
        }
        let sample = self.parts.objects.measure(bucket, self.now()).await?;
        // What is as it was needs no commit within a day, unless it takes long to find out.
        let same =
            former.is_some_and(|former| BucketSample { measured: sample.measured, ..former } == sample);
        if !same || !is_quick(bucket) {
            self.parts.objects.keep_sample(bucket, &sample).await?;
        }
        Ok(())
    }

    async fn newest_sample(&self, bucket: &BucketRecord) -> Result<Option<BucketSample>, ControlError> {
        let samples = self.parts.objects.samples(&bucket.project, Some(&bucket.bucket), None, 1).await?;
        Ok(samples.into_iter().next())
    }
}

fn is_quick(bucket: &BucketRecord) -> bool {
    bucket.objects + bucket.versions <= QUICK_MAX
}
