//! What S3 says of an object beside its content, to and from our records.

use std::collections::BTreeMap;

use casemate_model::{ObjectKey, Timestamp, VersionId};
use casemate_objects::{Attributes, ObjectRecord, Version};
use s3s::dto::{self, Owner};
use s3s::{S3Result, s3_error};

/// Headers of the content that go out as they came in.
#[derive(Clone, Debug, Default)]
pub(super) struct ContentHeaders {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<String>,
}

impl ContentHeaders {
    pub(super) fn into_attributes(self) -> BTreeMap<String, String> {
        // What the transport needed is not a property of the content.
        let encoding = self.content_encoding.map(|text| {
            let kept =
                text.split(',').map(str::trim).filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"));
            kept.collect::<Vec<_>>().join(", ")
        });
        let pairs = [
            ("cache-control", self.cache_control),
            ("content-disposition", self.content_disposition),
            ("content-encoding", encoding.filter(|text| !text.is_empty())),
            ("content-language", self.content_language),
            ("expires", self.expires),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Attributes from what a client sent, within the limits of S3.
pub(super) fn attributes(
    headers: ContentHeaders,
    metadata: Option<dto::Metadata>,
    tagging: Option<&str>,
) -> S3Result<Attributes> {
    let metadata: BTreeMap<String, String> = metadata.unwrap_or_default().into_iter().collect();
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > Attributes::METADATA_BYTES_MAX {
        return Err(s3_error!(MetadataTooLarge, "user metadata has more than 2 KiB"));
    }
    let tags = tagging.map(tags_of_header).transpose()?.unwrap_or_default();
    Ok(Attributes { headers: headers.into_attributes(), metadata, tags, ..Attributes::default() })
}

/// The tags of an `x-amz-tagging` header.
fn tags_of_header(text: &str) -> S3Result<BTreeMap<String, String>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8().map(String::from)
        };
        Ok((decode(name)?, decode(value)?))
    });
    let decoded: Result<Vec<_>, std::str::Utf8Error> = decoded.collect();
    let pairs = decoded.map_err(|_| s3_error!(InvalidArgument, "the tagging header is no form"))?;
    checked_tags(pairs, Attributes::TAGS_MAX)
}

/// Tags of a request's body.
pub(super) fn tags(set: Vec<dto::Tag>, count_max: usize) -> S3Result<BTreeMap<String, String>> {
    checked_tags(
        set.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect(),
        count_max,
    )
}

fn checked_tags(pairs: Vec<(String, String)>, count_max: usize) -> S3Result<BTreeMap<String, String>> {
    if pairs.len() > count_max {
        return Err(s3_error!(InvalidTag, "an object has at most 10 tags, a bucket 50"));
    }
    let mut tags = BTreeMap::new();
    for (name, value) in pairs {
        let sound = (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256;
        if !sound {
            return Err(s3_error!(InvalidTag, "a tag's name has 1 to 128 characters, its value at most 256"));
        }
        if tags.insert(name, value).is_some() {
            return Err(s3_error!(InvalidTag, "a tag is given twice"));
        }
    }
    Ok(tags)
}

pub(super) fn tag_set(tags: BTreeMap<String, String>) -> Vec<dto::Tag> {
    tags.into_iter().map(|(key, value)| dto::Tag { key: Some(key), value: Some(value) }).collect()
}

pub(super) fn etag(record: &ObjectRecord) -> dto::ETag {
    dto::ETag::Strong(record.etag.to_string())
}

pub(super) fn time(at: Timestamp) -> dto::Timestamp {
    (std::time::UNIX_EPOCH + std::time::Duration::from_millis(at.as_millis())).into()
}

/// The version in answers; only buckets that keep versions speak of them.
pub(super) fn version_text(version: Option<VersionId>) -> String {
    version.map_or_else(|| "null".to_owned(), |version| version.to_string())
}

/// The version that a request names.
pub(super) fn version(text: Option<&str>) -> S3Result<Version> {
    match text {
        None => Ok(Version::Latest),
        Some("null") => Ok(Version::Given(None)),
        Some(text) => match text.parse() {
            Ok(version) => Ok(Version::Given(Some(version))),
            Err(_) => Err(s3_error!(InvalidArgument, "there is no version of that form")),
        },
    }
}

pub(super) fn key(text: &str) -> S3Result<ObjectKey> {
    text.parse().map_err(|error: casemate_model::ObjectKeyError| match error {
        casemate_model::ObjectKeyError::TooLong { .. } => s3_error!(KeyTooLongError),
        error => s3s::S3Error::with_message(s3s::S3ErrorCode::InvalidArgument, error.to_string()),
    })
}

pub(super) fn bucket(text: &str) -> S3Result<casemate_model::BucketName> {
    text.parse().map_err(|error: casemate_model::BucketNameError| {
        s3s::S3Error::with_message(s3s::S3ErrorCode::InvalidBucketName, error.to_string())
    })
}

/// Uploads are begun in the name of the project.
pub(super) fn initiator(project: &casemate_model::Project) -> dto::Initiator {
    dto::Initiator { display_name: Some(project.to_string()), id: Some(project.to_string()) }
}

/// Everything belongs to the project.
pub(super) fn owner(project: &casemate_model::Project) -> Owner {
    Owner { display_name: Some(project.to_string()), id: Some(project.to_string()) }
}
