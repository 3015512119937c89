//! Buckets, objects and their versions.

use casemate_api as wire;
use casemate_control::Measured;
use casemate_model::{Timestamp, VersionId};
use casemate_objects::{
    BucketSample, Graph, LifecycleRule, Listing, Node, ObjectRecord, OlderVersions, Storage, Verdict,
    VersionRecord, Versioning,
};

pub(crate) fn bucket(measured: &Measured) -> wire::objects::Bucket {
    let record = &measured.bucket;
    wire::objects::Bucket {
        bucket: record.bucket.to_string(),
        objects: record.objects,
        size_bytes: record.size_bytes,
        versions: record.versions,
        version_bytes: record.version_bytes,
        versioning: match record.settings.versioning {
            Versioning::Off => wire::objects::Versioning::Off,
            Versioning::On => wire::objects::Versioning::On,
            Versioning::Suspended => wire::objects::Versioning::Suspended,
        },
        lifecycle: record.settings.lifecycle.iter().map(lifecycle_rule).collect(),
        created: record.created.to_string(),
        measured: measured.sample.as_ref().map(sample),
    }
}

pub(crate) fn versioning(versioning: wire::objects::Versioning) -> Versioning {
    match versioning {
        wire::objects::Versioning::Off => Versioning::Off,
        wire::objects::Versioning::On => Versioning::On,
        wire::objects::Versioning::Suspended => Versioning::Suspended,
    }
}

fn lifecycle_rule(rule: &LifecycleRule) -> wire::objects::LifecycleRule {
    wire::objects::LifecycleRule {
        id: rule.id.clone(),
        prefix: rule.prefix.clone(),
        enabled: rule.enabled,
        expire_days: rule.expire_days,
        older_versions: rule
            .older_versions
            .map(|OlderVersions { days, keep }| wire::objects::OlderVersions { days, keep }),
        lone_marks: rule.lone_marks,
        abort_uploads_days: rule.abort_uploads_days,
    }
}

pub(crate) fn lifecycle(rules: Vec<wire::objects::LifecycleRule>) -> Vec<LifecycleRule> {
    let rules = rules.into_iter().map(|rule| LifecycleRule {
        id: rule.id,
        prefix: rule.prefix,
        enabled: rule.enabled,
        expire_days: rule.expire_days,
        older_versions: rule
            .older_versions
            .map(|wire::objects::OlderVersions { days, keep }| OlderVersions { days, keep }),
        lone_marks: rule.lone_marks,
        abort_uploads_days: rule.abort_uploads_days,
    });
    rules.collect()
}

pub(crate) fn sample(sample: &BucketSample) -> wire::objects::BucketSample {
    wire::objects::BucketSample {
        day: day_text(sample.day),
        measured: sample.measured.to_string(),
        objects: sample.objects,
        versions: sample.versions,
        content_bytes: sample.content_bytes,
        stored_bytes: sample.stored_bytes,
    }
}

/// A day as `2026-01-31`.
fn day_text(day: u64) -> String {
    let midnight = Timestamp::from_millis(day.saturating_mul(DAY_MILLIS)).unwrap_or(Timestamp::MAX);
    midnight.to_string()[..10].to_owned()
}

/// Reads what [`day_text`] writes.
pub(crate) fn day_of_text(text: &str) -> Option<u64> {
    let midnight: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    Some(midnight.as_millis() / DAY_MILLIS)
}

pub(crate) fn object(record: &ObjectRecord) -> wire::objects::Object {
    wire::objects::Object {
        bucket: record.bucket.to_string(),
        key: record.key.to_string(),
        digest: record.digest.to_string(),
        size_bytes: record.size_bytes,
        media_type: record.media_type.clone(),
        stored: record.stored.to_string(),
        version: version_text(record.version),
    }
}

pub(crate) fn object_info(record: &ObjectRecord, storage: &Storage) -> wire::objects::ObjectInfo {
    let packing = storage.packing;
    let stored_bytes = packing.map(|packing| packing.stored_bytes);
    wire::objects::ObjectInfo {
        object: object(record),
        stored_bytes,
        form: form((record.size_bytes, stored_bytes), packing.is_some_and(|packing| packing.base.is_some())),
        base: storage.base.as_ref().map(|base| wire::objects::Base {
            bucket: base.place.bucket.to_string(),
            key: base.place.key.to_string(),
            version: version_text(base.version),
        }),
    }
}

pub(crate) fn folder(listing: &Listing<ObjectRecord>) -> wire::Page<wire::objects::FolderEntry> {
    use wire::objects::FolderEntry;
    let folders = listing.folders.iter().map(|folder| FolderEntry::Folder(folder.clone()));
    let objects = listing.items.iter().map(|record| FolderEntry::Object(object(record)));
    let next = listing.last.clone().filter(|_| listing.truncated);
    wire::Page { items: folders.chain(objects).collect(), next }
}

pub(crate) fn version(record: &VersionRecord) -> wire::objects::ObjectVersion {
    wire::objects::ObjectVersion {
        bucket: record.place.bucket.to_string(),
        key: record.place.key.to_string(),
        version: version_text(record.version),
        latest: record.latest,
        stored: record.stored.to_string(),
        digest: record.object.as_ref().map(|object| object.digest.to_string()),
        size_bytes: record.object.as_ref().map_or(0, |object| object.size_bytes),
    }
}

pub(crate) fn verdict(verdict: Verdict) -> wire::objects::Verdict {
    match verdict {
        Verdict::Sound => wire::objects::Verdict::Sound,
        Verdict::Damaged => wire::objects::Verdict::Damaged,
        Verdict::Missing => wire::objects::Verdict::Missing,
    }
}

pub(crate) fn graph(graph: &Graph) -> wire::objects::Graph {
    wire::objects::Graph { nodes: graph.nodes.iter().map(node).collect(), truncated: graph.truncated }
}

fn node(node: &Node) -> wire::objects::GraphNode {
    wire::objects::GraphNode {
        digest: node.digest.to_string(),
        bucket: node.at.place.bucket.to_string(),
        key: node.at.place.key.to_string(),
        version: version_text(node.at.version),
        versions: node.versions,
        size_bytes: node.size_bytes,
        stored_bytes: node.stored_bytes,
        form: form((node.size_bytes, node.stored_bytes), node.is_difference),
        base: node.base.map(|index| index as u64),
    }
}

fn form((size_bytes, stored_bytes): (u64, Option<u64>), is_difference: bool) -> wire::objects::Form {
    match stored_bytes {
        _ if is_difference => wire::objects::Form::Difference,
        Some(stored_bytes) if stored_bytes < size_bytes => wire::objects::Form::Packed,
        Some(_) | None => wire::objects::Form::Whole,
    }
}

/// A version's id; `null` where none are kept.
pub(crate) fn version_text(version: Option<VersionId>) -> String {
    version.map_or_else(|| "null".to_owned(), |version| version.to_string())
}

const DAY_MILLIS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_one_text() {
        for (day, text) in [(0, "1970-01-01"), (20_484, "2026-01-31")] {
            assert_eq!((day_text(day).as_str(), day_of_text(text)), (text, Some(day)));
        }
        for text in ["", "2026-01-32", "yesterday", "2026-01-31T00:00:00Z"] {
            assert_eq!(day_of_text(text), None, "{text}");
        }
    }
}
