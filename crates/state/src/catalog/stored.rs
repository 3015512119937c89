//! What no query looks into, as JSON text. Fields may be added with a default, never renamed or removed.

use std::collections::BTreeMap;

use casemate_limits::JsonBudget;
use casemate_objects::{Attributes, BucketSettings, CorsRule, LifecycleRule, OlderVersions, Versioning};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

pub(crate) fn attributes_text(attributes: &Attributes) -> String {
    let Attributes { headers, metadata, tags, checksums, parts } = attributes.clone();
    json(&StoredAttributes { headers, metadata, tags, checksums, parts })
}

pub(crate) fn read_attributes(text: &str) -> Result<Attributes, Failure> {
    let stored: StoredAttributes = parse("attributes", text)?;
    let StoredAttributes { headers, metadata, tags, checksums, parts } = stored;
    Ok(Attributes { headers, metadata, tags, checksums, parts })
}

pub(crate) fn checksums_text(checksums: &BTreeMap<String, String>) -> String {
    json(checksums)
}

pub(crate) fn read_checksums(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    parse("checksums", text)
}

pub(crate) fn settings_text(settings: &BucketSettings) -> String {
    json(&StoredSettings {
        versioning: match settings.versioning {
            Versioning::Off => StoredVersioning::Off,
            Versioning::On => StoredVersioning::On,
            Versioning::Suspended => StoredVersioning::Suspended,
        },
        tags: settings.tags.clone(),
        cors: settings.cors.iter().cloned().map(StoredCors::from).collect(),
        lifecycle: settings.lifecycle.iter().cloned().map(StoredRule::from).collect(),
    })
}

pub(crate) fn read_settings(text: &str) -> Result<BucketSettings, Failure> {
    let stored: StoredSettings = parse("bucket's settings", text)?;
    Ok(BucketSettings {
        versioning: match stored.versioning {
            StoredVersioning::Off => Versioning::Off,
            StoredVersioning::On => Versioning::On,
            StoredVersioning::Suspended => Versioning::Suspended,
        },
        tags: stored.tags,
        cors: stored.cors.into_iter().map(CorsRule::from).collect(),
        lifecycle: stored.lifecycle.into_iter().map(LifecycleRule::from).collect(),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct StoredAttributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checksums: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<u64>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredSettings {
    versioning: StoredVersioning,
    tags: BTreeMap<String, String>,
    cors: Vec<StoredCors>,
    lifecycle: Vec<StoredRule>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum StoredVersioning {
    #[default]
    Off,
    On,
    Suspended,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredCors {
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    exposed: Vec<String>,
    age_seconds_max: Option<u32>,
    id: Option<String>,
}

impl From<CorsRule> for StoredCors {
    fn from(rule: CorsRule) -> Self {
        let CorsRule { origins, methods, headers, exposed, age_seconds_max, id } = rule;
        Self { origins, methods, headers, exposed, age_seconds_max, id }
    }
}

impl From<StoredCors> for CorsRule {
    fn from(stored: StoredCors) -> Self {
        let StoredCors { origins, methods, headers, exposed, age_seconds_max, id } = stored;
        Self { origins, methods, headers, exposed, age_seconds_max, id }
    }
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredRule {
    id: String,
    prefix: String,
    enabled: bool,
    expire_days: Option<u32>,
    older_versions: Option<StoredOlder>,
    lone_marks: bool,
    abort_uploads_days: Option<u32>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredOlder {
    days: u32,
    keep: u32,
}

impl From<LifecycleRule> for StoredRule {
    fn from(rule: LifecycleRule) -> Self {
        let LifecycleRule {
            id,
            prefix,
            enabled,
            expire_days,
            older_versions,
            lone_marks,
            abort_uploads_days,
        } = rule;
        let older_versions = older_versions.map(|OlderVersions { days, keep }| StoredOlder { days, keep });
        Self { id, prefix, enabled, expire_days, older_versions, lone_marks, abort_uploads_days }
    }
}

impl From<StoredRule> for LifecycleRule {
    fn from(stored: StoredRule) -> Self {
        let StoredRule { id, prefix, enabled, expire_days, older_versions, lone_marks, abort_uploads_days } =
            stored;
        let older_versions = older_versions.map(|StoredOlder { days, keep }| OlderVersions { days, keep });
        Self { id, prefix, enabled, expire_days, older_versions, lone_marks, abort_uploads_days }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps of text become JSON")
}

fn parse<T: for<'de> Deserialize<'de>>(what: &'static str, text: &str) -> Result<T, Failure> {
    JsonBudget::STORED.check(text.as_bytes()).map_err(|error| Failure::damaged(what, error))?;
    serde_json::from_str(text).map_err(|error| Failure::damaged(what, error))
}
