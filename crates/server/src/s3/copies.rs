//! Copies of objects.

use casemate_control::{ControlError, CopySource as Source};
use casemate_objects::{Attributes, Before, NewObject, ObjectRecord, ObjectsError, PutRule, Version};
use http::{HeaderMap, HeaderValue, header};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::buckets::{caller, refuse_grants};
use super::content::Conditions;
use super::error::refuse;
use super::metadata::{ContentHeaders, attributes, bucket, etag, key, time, version, version_text};
use super::objects::{before, expires, media_type};
use crate::app::AppState;

pub(super) async fn copy_object(
    state: &AppState,
    request: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let caller = caller(&request).clone();
    let expires = expires(&request.headers);
    let before = before_of_headers(&request.headers)?;
    let input = request.input;
    refuse_grants(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    let source = copy_source(&input.copy_source)?;
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let replaces =
        input.metadata_directive.as_ref().is_some_and(|said| said.as_str() == MetadataDirective::REPLACE);
    let replaces_tags =
        input.tagging_directive.as_ref().is_some_and(|said| said.as_str() == TaggingDirective::REPLACE);
    let same = source.bucket == bucket && source.key == key && source.version == Version::Latest;
    if same && !replaces && !replaces_tags {
        return Err(s3_error!(
            InvalidRequest,
            "a copy of an object onto itself must change something of it, such as its metadata"
        ));
    }
    let said = said_of_copy(&input, expires)?;
    let said_type = media_type(input.content_type.clone())?;
    let conditions = Conditions::of_source(&input);
    let mut refused = Ok(());
    let mut copied_version = None;
    let change = |found: &ObjectRecord| {
        copied_version = found.version.map(|version| version_text(Some(version)));
        refused = conditions.check(found);
        if refused.is_err() {
            return Err(ControlError::Objects(ObjectsError::Unfit { absent: false }));
        }
        let kept = &found.attributes;
        let attributes = Attributes {
            headers: if replaces { said.headers } else { kept.headers.clone() },
            metadata: if replaces { said.metadata } else { kept.metadata.clone() },
            tags: if replaces_tags { said.tags } else { kept.tags.clone() },
            ..kept.clone()
        };
        Ok(NewObject {
            bucket,
            key,
            media_type: if replaces { said_type } else { found.media_type.clone() },
            expected: None,
            attributes,
            rule: PutRule { bucket_exists: true, before, ..PutRule::default() },
            with_md5: false,
            expected_md5: None,
        })
    };
    let copied = state.control.copy_object(&caller, &source, change).await;
    // Whatever the conditions were, a copy that they forbid is one answer.
    refused.map_err(|_| s3_error!(PreconditionFailed))?;
    let record = copied.map_err(refuse_source)?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(etag(&record)),
            last_modified: Some(time(record.stored)),
            ..Default::default()
        }),
        copy_source_version_id: copied_version,
        version_id: record.version.map(|version| version_text(Some(version))),
        ..Default::default()
    })
}

/// A version that says that an object was deleted is no source.
fn refuse_source(error: ControlError) -> S3Error {
    match error {
        ControlError::Objects(ObjectsError::VersionIsMarker { .. }) => {
            s3_error!(InvalidRequest, "the source is a mark of deletion and has no content")
        }
        error => refuse(error),
    }
}

/// What must be in the place that a copy goes to. The library reads these headers for uploads only.
fn before_of_headers(headers: &HeaderMap) -> S3Result<Before> {
    let condition = |name| {
        let value: Option<&HeaderValue> = headers.get(name);
        let parsed = value.map(|value| ETagCondition::parse_http_header(value.as_bytes()));
        parsed.transpose().map_err(|_| s3_error!(InvalidArgument, "a condition is an entity tag or *"))
    };
    before(condition(header::IF_MATCH)?.as_ref(), condition(header::IF_NONE_MATCH)?.as_ref())
}

/// What a copy says of the object, if it does not keep what the source says.
fn said_of_copy(input: &CopyObjectInput, expires: Option<String>) -> S3Result<Attributes> {
    let headers = ContentHeaders {
        cache_control: input.cache_control.clone(),
        content_disposition: input.content_disposition.clone(),
        content_encoding: input.content_encoding.clone(),
        content_language: input.content_language.clone(),
        expires,
    };
    attributes(headers, input.metadata.clone(), input.tagging.as_deref())
}

pub(super) fn copy_source(source: &CopySource) -> S3Result<Source> {
    match source {
        CopySource::Bucket { bucket: from, key: name, version_id } => {
            Ok(Source { bucket: bucket(from)?, key: key(name)?, version: version(version_id.as_deref())? })
        }
        _ => Err(s3_error!(NotImplemented, "a copy is made of a bucket and a key")),
    }
}
