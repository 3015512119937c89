//! Operations on objects.

use casemate_objects::{Attributes, Before, NewObject, ObjectRecord, PutRule, is_media_type};
use http::{HeaderMap, header};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};
use tokio::sync::OwnedSemaphorePermit;

use super::body::{Sums, checked};
use super::buckets::{caller, refuse_grants};
use super::checksums::checksum_type;
use super::content::{Conditions, Shown, span};
use super::error::{refuse, unavailable};
use super::metadata::{ContentHeaders, attributes, bucket, etag, key, time, version, version_text};
use crate::app::AppState;
use crate::transfer::stream;

/// What content is when nobody says what it is.
pub(super) const MEDIA_TYPE: &str = "binary/octet-stream";

pub(super) async fn put_object(
    state: &AppState,
    request: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    let caller = caller(&request).clone();
    let sums = Sums::of(&request)?;
    let expires = expires(&request.headers);
    let input = request.input;
    refuse_grants(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    let headers = ContentHeaders {
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        expires,
    };
    let before = before(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let new = NewObject {
        bucket: bucket(&input.bucket)?,
        key: key(&input.key)?,
        media_type: media_type(input.content_type)?,
        expected: None,
        attributes: attributes(headers, input.metadata, input.tagging.as_deref())?,
        rule: PutRule { bucket_exists: true, before, ..PutRule::default() },
        with_md5: true,
        expected_md5: md5(input.content_md5.as_deref())?,
    };
    let _place = transfer(state)?;
    let body = checked(input.body, &sums);
    let late = |attributes: &mut Attributes| attributes.checksums = sums.found();
    let record = state.control.put_object(&caller, new, body, late).await.map_err(refuse)?;
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&record)),
        version_id: record.version.map(|version| version_text(Some(version))),
        ..Default::default()
    };
    let found = &record.attributes.checksums;
    output.checksum_crc32 = found.get("crc32").cloned();
    output.checksum_crc32c = found.get("crc32c").cloned();
    output.checksum_crc64nvme = found.get("crc64nvme").cloned();
    output.checksum_sha1 = found.get("sha1").cloned();
    output.checksum_sha256 = found.get("sha256").cloned();
    Ok(output)
}

pub(super) async fn get_object(
    state: &AppState,
    request: S3Request<GetObjectInput>,
) -> S3Result<GetObjectOutput> {
    let caller = caller(&request).clone();
    let input = request.input;
    let place = transfer(state)?;
    let conditions = Conditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    let mut refused = Ok(());
    let wanted = |record: &ObjectRecord| {
        refused =
            conditions.check(record).and_then(|()| span(record, input.range, input.part_number).map(drop));
        refused.is_ok()
    };
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let version = version(input.version_id.as_deref())?;
    let found = state.control.get_object(&caller, (&bucket, &key), version, wanted).await;
    let (record, blob) = found.map_err(refuse)?;
    refused?;
    let blob = blob.ok_or_else(|| s3_error!(InternalError))?;
    let span = span(&record, input.range, input.part_number)?;
    let shown = Shown::of(&record, &span);
    let body = StreamingBlob::wrap(stream((&state.control, &caller), blob, span.within, Some(place)));
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(body),
        cache_control: shown.said(input.response_cache_control, "cache-control")?,
        content_disposition: shown.said(input.response_content_disposition, "content-disposition")?,
        content_encoding: shown.said(input.response_content_encoding, "content-encoding")?,
        content_language: shown.said(input.response_content_language, "content-language")?,
        content_length: shown.length,
        content_range: shown.range.clone(),
        content_type: Some(shown.media_type(input.response_content_type)?),
        e_tag: Some(etag(&record)),
        expires: shown.expires(),
        last_modified: Some(time(record.stored)),
        metadata: shown.metadata(),
        parts_count: shown.parts,
        tag_count: i32::try_from(record.attributes.tags.len()).ok().filter(|count| *count > 0),
        version_id: record.version.map(|version| version_text(Some(version))),
        ..Default::default()
    };
    if input.checksum_mode.is_some() && shown.range.is_none() && !record.attributes.checksums.is_empty() {
        output.checksum_type = Some(checksum_type(&record.attributes));
        let found = &record.attributes.checksums;
        output.checksum_crc32 = found.get("crc32").cloned();
        output.checksum_crc32c = found.get("crc32c").cloned();
        output.checksum_crc64nvme = found.get("crc64nvme").cloned();
        output.checksum_sha1 = found.get("sha1").cloned();
        output.checksum_sha256 = found.get("sha256").cloned();
    }
    Ok(output)
}

pub(super) async fn head_object(
    state: &AppState,
    request: S3Request<HeadObjectInput>,
) -> S3Result<HeadObjectOutput> {
    let caller = caller(&request).clone();
    let input = request.input;
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let version = version(input.version_id.as_deref())?;
    let found = state.control.stat_object(&caller, (&bucket, &key), version).await;
    let (record, _) = found.map_err(refuse)?;
    let conditions = Conditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&record)?;
    let span = span(&record, input.range, input.part_number)?;
    let shown = Shown::of(&record, &span);
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: shown.said(input.response_cache_control, "cache-control")?,
        content_disposition: shown.said(input.response_content_disposition, "content-disposition")?,
        content_encoding: shown.said(input.response_content_encoding, "content-encoding")?,
        content_language: shown.said(input.response_content_language, "content-language")?,
        content_length: shown.length,
        content_range: shown.range.clone(),
        content_type: Some(shown.media_type(input.response_content_type)?),
        e_tag: Some(etag(&record)),
        expires: shown.expires(),
        last_modified: Some(time(record.stored)),
        metadata: shown.metadata(),
        parts_count: shown.parts,
        version_id: record.version.map(|version| version_text(Some(version))),
        ..Default::default()
    };
    if input.checksum_mode.is_some() && !record.attributes.checksums.is_empty() {
        output.checksum_type = Some(checksum_type(&record.attributes));
        let found = &record.attributes.checksums;
        output.checksum_crc32 = found.get("crc32").cloned();
        output.checksum_crc32c = found.get("crc32c").cloned();
        output.checksum_crc64nvme = found.get("crc64nvme").cloned();
        output.checksum_sha1 = found.get("sha1").cloned();
        output.checksum_sha256 = found.get("sha256").cloned();
    }
    Ok(output)
}

pub(super) async fn get_object_attributes(
    state: &AppState,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<GetObjectAttributesOutput> {
    let input = &request.input;
    let record = stat(state, &request, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    // Several may be in one line.
    let lines = input.object_attributes.iter().map(ObjectAttributes::as_str);
    let named: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let wanted = |name: &str| named.contains(&name);
    let found = record.attributes.checksums.clone();
    let checksum = Checksum {
        checksum_crc32: found.get("crc32").cloned(),
        checksum_crc32c: found.get("crc32c").cloned(),
        checksum_crc64nvme: found.get("crc64nvme").cloned(),
        checksum_sha1: found.get("sha1").cloned(),
        checksum_sha256: found.get("sha256").cloned(),
        ..Default::default()
    };
    let parts = GetObjectAttributesParts {
        total_parts_count: i32::try_from(record.attributes.parts.len()).ok(),
        ..Default::default()
    };
    Ok(GetObjectAttributesOutput {
        checksum: (wanted(ObjectAttributes::CHECKSUM) && !found.is_empty()).then_some(checksum),
        e_tag: wanted(ObjectAttributes::ETAG).then(|| etag(&record)),
        last_modified: Some(time(record.stored)),
        object_parts: (wanted(ObjectAttributes::OBJECT_PARTS) && !record.attributes.parts.is_empty())
            .then_some(parts),
        object_size: i64::try_from(record.size_bytes).ok().filter(|_| wanted(ObjectAttributes::OBJECT_SIZE)),
        storage_class: wanted(ObjectAttributes::STORAGE_CLASS)
            .then(|| StorageClass::from_static(StorageClass::STANDARD)),
        version_id: record.version.map(|version| version_text(Some(version))),
        ..Default::default()
    })
}

pub(super) async fn stat<T>(
    state: &AppState,
    request: &S3Request<T>,
    (bucket_text, key_text): (&str, &str),
    version_text: Option<&str>,
) -> S3Result<ObjectRecord> {
    let (bucket, key) = (bucket(bucket_text)?, key(key_text)?);
    let version = version(version_text)?;
    let found = state.control.stat_object(caller(request), (&bucket, &key), version).await;
    found.map(|(record, _)| record).map_err(refuse)
}

/// A place for one transfer of content.
pub(super) fn transfer(state: &AppState) -> S3Result<OwnedSemaphorePermit> {
    state.transfer().map_err(|_| unavailable("too many transfers are under way; try again in a moment"))
}

/// What a put demands of what is there.
pub(super) fn before(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Before> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Before::Anything),
        (Some(ETagCondition::Any), None) => Ok(Before::Present),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Before::Tagged(tag.value().to_owned())),
        (None, Some(ETagCondition::Any)) => Ok(Before::Absent),
        _ => Err(s3_error!(NotImplemented, "a put takes If-Match, or If-None-Match with *")),
    }
}

/// The MD5 that a client announced.
pub(super) fn md5(text: Option<&str>) -> S3Result<Option<[u8; 16]>> {
    let Some(text) = text else { return Ok(None) };
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok();
    let md5 = bytes.and_then(|bytes| bytes.try_into().ok());
    md5.map(Some).ok_or_else(|| s3_error!(InvalidDigest))
}

pub(super) fn media_type(text: Option<String>) -> S3Result<String> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| MEDIA_TYPE.to_owned());
    if !is_media_type(&text) {
        return Err(s3_error!(InvalidArgument, "a media type has at most 255 printable characters of ASCII"));
    }
    Ok(text)
}

/// The header as it was sent: it is a text of the uploader's, whatever it says.
pub(super) fn expires(headers: &HeaderMap) -> Option<String> {
    headers.get(header::EXPIRES).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
