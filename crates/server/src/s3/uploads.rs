//! Uploads in parts.

use std::collections::BTreeMap;

use casemate_control::{CopySource as Source, UploadRef};
use casemate_model::UploadId;
use casemate_objects::{CompletedPart as Named, PartRecord, PutRule};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::body::{CHECKSUMS, Sums, checked};
use super::buckets::{caller, refuse_grants};
use super::checksums::{checksum_type, sums_of_parts};
use super::content::Conditions;
use super::copies::copy_source;
use super::error::refuse;
use super::metadata::{ContentHeaders, attributes, bucket, key, owner, time, version_text};
use super::objects::{before, md5, media_type};
use crate::app::AppState;
use crate::transfer::stream;

/// Most parts of an answer, the limit of S3.
const PARTS_MAX: u32 = 1_000;

pub(super) async fn create_multipart_upload(
    state: &AppState,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let caller = caller(&request).clone();
    let input = request.input;
    refuse_grants(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    let headers = ContentHeaders {
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        expires: super::objects::expires(&request.headers),
    };
    let attributes = attributes(headers, input.metadata, input.tagging.as_deref())?;
    let place = (bucket(&input.bucket)?, key(&input.key)?);
    let media_type = media_type(input.content_type)?;
    let upload = state.control.begin_upload(&caller, place, media_type, attributes).await.map_err(refuse)?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload.id.to_string()),
        checksum_algorithm: input.checksum_algorithm,
        ..Default::default()
    })
}

pub(super) async fn upload_part(
    state: &AppState,
    request: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let caller = caller(&request).clone();
    let sums = Sums::of(&request)?;
    let input = request.input;
    let upload = upload_ref(&input.bucket, &input.key, &input.upload_id)?;
    let number = part_number(input.part_number)?;
    let expected = md5(input.content_md5.as_deref())?;
    let _place = super::objects::transfer(state)?;
    let body = checked(input.body, &sums);
    let part = state.control.put_part(&caller, &upload, (number, expected, body), || sums.found());
    let part = part.await.map_err(refuse)?;
    let mut found = part.checksums;
    Ok(UploadPartOutput {
        e_tag: Some(ETag::Strong(part.etag.to_string())),
        checksum_crc32: found.remove("crc32"),
        checksum_crc32c: found.remove("crc32c"),
        checksum_crc64nvme: found.remove("crc64nvme"),
        checksum_sha1: found.remove("sha1"),
        checksum_sha256: found.remove("sha256"),
        ..Default::default()
    })
}

pub(super) async fn upload_part_copy(
    state: &AppState,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let caller = caller(&request).clone();
    let input = request.input;
    let upload = upload_ref(&input.bucket, &input.key, &input.upload_id)?;
    let number = part_number(input.part_number)?;
    let Source { bucket, key, version } = copy_source(&input.copy_source)?;
    let _place = super::objects::transfer(state)?;
    let opened = state.control.get_object(&caller, (&bucket, &key), version, |_| true).await;
    let (record, blob) = opened.map_err(refuse)?;
    let conditions = Conditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
    };
    conditions.check(&record).map_err(|_| s3_error!(PreconditionFailed))?;
    let range = match input.copy_source_range.as_deref() {
        None => 0..record.size_bytes,
        Some(text) => exact_range(text, record.size_bytes)?,
    };
    let blob = blob.ok_or_else(|| s3_error!(InternalError))?;
    let body = stream((&state.control, &caller), blob, range, None);
    let part = state.control.put_part(&caller, &upload, (number, None, body), Default::default);
    let part = part.await.map_err(refuse)?;
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag.to_string())),
            last_modified: Some(time(part.stored)),
            ..Default::default()
        }),
        copy_source_version_id: record.version.map(|version| version.to_string()),
        ..Default::default()
    })
}

pub(super) async fn complete_multipart_upload(
    state: &AppState,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let caller = caller(&request).clone();
    let input = request.input;
    let upload = upload_ref(&input.bucket, &input.key, &input.upload_id)?;
    let announced = CHECKSUMS.iter().filter_map(|(name, header)| {
        let value = request.headers.get(*header)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    let announced: BTreeMap<String, String> = announced.collect();
    let wants_whole =
        input.checksum_type.as_ref().is_some_and(|kind| kind.as_str() == ChecksumType::FULL_OBJECT);
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    if parts.is_empty() {
        return Err(s3_error!(MalformedXML));
    }
    let named = parts.into_iter().map(|part| {
        let number = part_number(part.part_number.unwrap_or(0))?;
        let sums = [
            ("crc32", part.checksum_crc32),
            ("crc32c", part.checksum_crc32c),
            ("crc64nvme", part.checksum_crc64nvme),
            ("sha1", part.checksum_sha1),
            ("sha256", part.checksum_sha256),
        ];
        let checksums = sums.into_iter().filter_map(|(name, sum)| Some((name.to_owned(), sum?))).collect();
        let etag = part.e_tag.map(ETag::into_value).unwrap_or_default();
        Ok(Named { number, etag: etag.trim_matches('"').to_owned(), checksums })
    });
    let named = named.collect::<S3Result<Vec<_>>>()?;
    let before = before(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let rule = PutRule { bucket_exists: true, before, ..PutRule::default() };
    let _place = super::objects::transfer(state)?;
    let whole = |parts: &[PartRecord]| sums_of_parts(parts, wants_whole, &announced);
    let record =
        state.control.complete_upload(&caller, (&upload, &named), rule, whole).await.map_err(refuse)?;
    let found = &record.attributes.checksums;
    Ok(CompleteMultipartUploadOutput {
        checksum_crc32: found.get("crc32").cloned(),
        checksum_crc32c: found.get("crc32c").cloned(),
        checksum_crc64nvme: found.get("crc64nvme").cloned(),
        checksum_sha1: found.get("sha1").cloned(),
        checksum_sha256: found.get("sha256").cloned(),
        checksum_type: (!found.is_empty()).then(|| checksum_type(&record.attributes)),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(super::metadata::etag(&record)),
        version_id: record.version.map(|version| version_text(Some(version))),
        ..Default::default()
    })
}

pub(super) async fn abort_multipart_upload(
    state: &AppState,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let input = &request.input;
    let upload = upload_ref(&input.bucket, &input.key, &input.upload_id)?;
    state.control.abort_upload(caller(&request), &upload).await.map_err(refuse)?;
    Ok(AbortMultipartUploadOutput::default())
}

pub(super) async fn list_parts(
    state: &AppState,
    request: S3Request<ListPartsInput>,
) -> S3Result<ListPartsOutput> {
    let input = &request.input;
    let upload = upload_ref(&input.bucket, &input.key, &input.upload_id)?;
    let after = input.part_number_marker.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    let limit = input.max_parts.and_then(|limit| u32::try_from(limit).ok());
    let limit = limit.unwrap_or(PARTS_MAX).clamp(1, PARTS_MAX);
    let listed = state.control.list_parts(caller(&request), &upload, after, limit + 1).await;
    let (upload, mut parts) = listed.map_err(refuse)?;
    let truncated = parts.len() > limit as usize;
    parts.truncate(limit as usize);
    let next = parts.last().and_then(|part| i32::try_from(part.number).ok());
    let shown = parts.into_iter().map(|part| {
        let mut found = part.checksums;
        Part {
            e_tag: Some(ETag::Strong(part.etag.to_string())),
            last_modified: Some(time(part.stored)),
            part_number: i32::try_from(part.number).ok(),
            size: i64::try_from(part.size_bytes).ok(),
            checksum_crc32: found.remove("crc32"),
            checksum_crc32c: found.remove("crc32c"),
            checksum_crc64nvme: found.remove("crc64nvme"),
            checksum_sha1: found.remove("sha1"),
            checksum_sha256: found.remove("sha256"),
        }
    });
    let owner = owner(&upload.place.project);
    Ok(ListPartsOutput {
        bucket: Some(input.bucket.clone()),
        is_truncated: Some(truncated),
        key: Some(input.key.clone()),
        max_parts: i32::try_from(limit).ok(),
        next_part_number_marker: next,
        owner: Some(owner),
        part_number_marker: i32::try_from(after).ok(),
        parts: Some(shown.collect()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(input.upload_id.clone()),
        ..Default::default()
    })
}

fn upload_ref(bucket_text: &str, key_text: &str, id: &str) -> S3Result<UploadRef> {
    let id: UploadId = id.parse().map_err(|_| s3_error!(NoSuchUpload))?;
    Ok(UploadRef { bucket: bucket(bucket_text)?, key: key(key_text)?, id })
}

fn part_number(number: i32) -> S3Result<u32> {
    match u32::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(s3_error!(InvalidArgument, "a part has a number from 1")),
    }
}

/// A range that a copy names must lie in the source whole.
fn exact_range(text: &str, size_bytes: u64) -> S3Result<std::ops::Range<u64>> {
    let bad = || s3_error!(InvalidArgument, "the range of a copy is `bytes=FIRST-LAST`");
    let (first, last) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-')).ok_or_else(bad)?;
    let (first, last): (u64, u64) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
    if first > last {
        return Err(bad());
    }
    if last >= size_bytes {
        return Err(s3_error!(InvalidRange, "the range reaches past the end of the source"));
    }
    Ok(first..last + 1)
}
