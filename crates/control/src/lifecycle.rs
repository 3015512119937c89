//! Carries out the lifecycle rules of buckets, in the name of the node.

use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::VersionId;
use casemate_objects::{BucketRecord, Lapsed, LifecycleRule};

use crate::objects::{object_resource, version_text};
use crate::sweep::note;
use crate::{Control, ControlError};

/// How often it is looked what is due. Rules count in days.
const CARE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Buckets that are read at a time.
const BUCKETS_PAGE: u32 = 200;

/// Carries out lifecycle rules until the node stops.
pub(crate) async fn care(control: Control) {
    let mut rounds = tokio::time::interval(CARE_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => {}
        }
        note(control.apply_lifecycle_rules().await);
    }
}

impl Control {
    async fn apply_lifecycle_rules(&self) -> Result<(), ControlError> {
        let mut after = None;
        while !self.stopping.is_cancelled() {
            let buckets = self.parts.objects.every_bucket(after, BUCKETS_PAGE).await?;
            after = buckets.last().map(|bucket| (bucket.project.clone(), bucket.bucket.clone()));
            for bucket in &buckets {
                for rule in bucket.settings.lifecycle.iter().filter(|rule| rule.enabled) {
                    // One that fails is tried again in the next round, and keeps no other waiting.
                    note(self.apply_lifecycle_rule(bucket, rule).await);
                }
            }
            if buckets.len() < BUCKETS_PAGE as usize {
                break;
            }
        }
        Ok(())
    }

    async fn apply_lifecycle_rule(
        &self,
        bucket: &BucketRecord,
        rule: &LifecycleRule,
    ) -> Result<(), ControlError> {
        let node = self.node_caller(&bucket.project);
        let event = |lapsed: Lapsed<'_>| {
            let (place, what, detail) = match lapsed {
                Lapsed::Expired(place) => (place, "expired", None),
                Lapsed::Removed(place, version) => {
                    (place, "older version removed", Some(("version", version_text(version))))
                }
                Lapsed::Aborted(place, upload) => {
                    (place, "upload given up", Some(("upload", upload.to_string())))
                }
            };
            let resource = object_resource(&place.bucket, &place.key);
            let mut event: Event = self.event(&node, "objects.expire", &resource, what);
            event.details.push(("rule".to_owned(), rule.id.clone()));
            event.details.extend(detail.map(|(name, value)| (name.to_owned(), value)));
            self.announce_object(&place.project, (&place.bucket, &place.key), false);
            (event, VersionId::generate(self.now(), self.entropy()))
        };
        let go_on = || !self.stopping.is_cancelled();
        let done = self.parts.objects.apply_rule((bucket, rule), self.now(), event, go_on).await?;
        if done > 0 {
            tracing::info!(bucket = %bucket.bucket, rule = rule.id, done, "carried out a lifecycle rule");
        }
        metrics::counter!("casemate_expired_objects_total").increment(done);
        Ok(())
    }
}
