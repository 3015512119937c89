//! Lists of objects, versions and uploads.

use casemate_model::{Project, UploadId};
use casemate_objects::{Listing, ObjectPage, ObjectRecord, UploadPage, VersionPage, VersionRecord};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::buckets::caller;
use super::error::refuse;
use super::metadata::{bucket, etag, initiator, key, owner, time, version_text};
use crate::app::AppState;

/// Most items of an answer, the limit of S3.
const ITEMS_MAX: u32 = 1_000;

/// What stays as it is where a client asked for encoded keys.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// How keys are written in an answer.
#[derive(Clone, Copy)]
struct Encoding(bool);

impl Encoding {
    fn of(wanted: Option<&EncodingType>) -> S3Result<Self> {
        match wanted.map(EncodingType::as_str) {
            None => Ok(Self(false)),
            Some(EncodingType::URL) => Ok(Self(true)),
            Some(_) => Err(s3_error!(InvalidArgument, "the only encoding of keys is `url`")),
        }
    }

    fn write(self, text: &str) -> String {
        if self.0 { utf8_percent_encode(text, KEPT).to_string() } else { text.to_owned() }
    }

    fn folders(self, folders: &[String]) -> Vec<CommonPrefix> {
        folders.iter().map(|folder| CommonPrefix { prefix: Some(self.write(folder)) }).collect()
    }
}

pub(super) async fn list_objects(
    state: &AppState,
    request: S3Request<ListObjectsInput>,
) -> S3Result<ListObjectsOutput> {
    let input = &request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys)?;
    let after = input.marker.as_deref().unwrap_or_default();
    let from = From { bucket: &input.bucket, prefix: input.prefix.as_deref(), after, limit };
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let listing = list(state, &request, from, delimiter).await?;
    let next = listing.last.as_deref().filter(|_| listing.truncated && !delimiter.is_empty());
    Ok(ListObjectsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.write(input.prefix.as_deref().unwrap_or_default())),
        marker: Some(encoding.write(after)),
        max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
        is_truncated: Some(listing.truncated),
        contents: Some(contents(&listing, encoding, true)),
        common_prefixes: Some(encoding.folders(&listing.folders)),
        delimiter: input.delimiter.as_deref().map(|text| encoding.write(text)),
        next_marker: next.map(|text| encoding.write(text)),
        encoding_type: input.encoding_type.clone(),
        ..Default::default()
    })
}

pub(super) async fn list_objects_v2(
    state: &AppState,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<ListObjectsV2Output> {
    let input = &request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys)?;
    let token = input.continuation_token.as_deref().map(open_token).transpose()?;
    let after = token.as_deref().or(input.start_after.as_deref()).unwrap_or_default();
    let from = From { bucket: &input.bucket, prefix: input.prefix.as_deref(), after, limit };
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let listing = list(state, &request, from, delimiter).await?;
    let next = listing.last.as_deref().filter(|_| listing.truncated).map(seal_token);
    let count = listing.items.len() + listing.folders.len();
    Ok(ListObjectsV2Output {
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.write(input.prefix.as_deref().unwrap_or_default())),
        max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(listing.truncated),
        next_continuation_token: next,
        contents: Some(contents(&listing, encoding, input.fetch_owner == Some(true))),
        common_prefixes: Some(encoding.folders(&listing.folders)),
        delimiter: input.delimiter.as_deref().map(|text| encoding.write(text)),
        encoding_type: input.encoding_type.clone(),
        start_after: input.start_after.as_deref().map(|text| encoding.write(text)),
        ..Default::default()
    })
}

pub(super) async fn list_object_versions(
    state: &AppState,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<ListObjectVersionsOutput> {
    let input = &request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys)?;
    let delimiter = input.delimiter.as_deref().unwrap_or_default();
    let marker = input.key_marker.as_deref().filter(|text| !text.is_empty());
    let id = input.version_id_marker.as_deref().filter(|text| !text.is_empty());
    let after = match (marker, id) {
        (None, Some(_)) => return Err(s3_error!(InvalidArgument, "a version marker needs a key marker")),
        (Some(marker), Some(id)) => match super::metadata::version(Some(id))? {
            casemate_objects::Version::Given(version) => Some((key(marker)?, version)),
            casemate_objects::Version::Latest => None,
        },
        _ => None,
    };
    let page = VersionPage {
        project: caller(&request).principal.project.clone(),
        bucket: bucket(&input.bucket)?,
        prefix: input.prefix.clone().unwrap_or_default(),
        after: marker.filter(|_| id.is_none()).map(|marker| (marker.to_owned(), 0)),
        past: past(marker.unwrap_or_default(), delimiter),
        limit,
    };
    let listing =
        state.control.list_versions(caller(&request), page, after, delimiter).await.map_err(refuse)?;
    let (versions, markers) = split(&listing, encoding, &caller(&request).principal.project);
    let last_version =
        listing.items.last().filter(|last| Some(last.place.key.as_str()) == listing.last.as_deref());
    Ok(ListObjectVersionsOutput {
        common_prefixes: Some(encoding.folders(&listing.folders)),
        delete_markers: Some(markers),
        delimiter: input.delimiter.as_deref().map(|text| encoding.write(text)),
        encoding_type: input.encoding_type.clone(),
        is_truncated: Some(listing.truncated),
        key_marker: Some(encoding.write(marker.unwrap_or_default())),
        max_keys: i32::try_from(limit).ok(),
        name: Some(input.bucket.clone()),
        next_key_marker: listing
            .last
            .as_deref()
            .filter(|_| listing.truncated)
            .map(|text| encoding.write(text)),
        next_version_id_marker: last_version
            .filter(|_| listing.truncated)
            .map(|last| version_text(last.version)),
        prefix: Some(encoding.write(input.prefix.as_deref().unwrap_or_default())),
        version_id_marker: input.version_id_marker.clone(),
        versions: Some(versions),
        ..Default::default()
    })
}

pub(super) async fn list_multipart_uploads(
    state: &AppState,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = &request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let limit = limit(input.max_uploads)?.max(1);
    let marker = input.key_marker.as_deref().filter(|text| !text.is_empty());
    let id: Option<UploadId> = input
        .upload_id_marker
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(|_| s3_error!(NoSuchUpload)))
        .transpose()?;
    let project = caller(&request).principal.project.clone();
    let page = UploadPage {
        project: project.clone(),
        bucket: bucket(&input.bucket)?,
        prefix: input.prefix.clone().unwrap_or_default(),
        after: marker.map(|marker| (marker.to_owned(), id)),
        limit: limit + 1,
    };
    let mut rows = state.control.list_uploads(caller(&request), page).await.map_err(refuse)?;
    let truncated = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last = rows.last().filter(|_| truncated).map(|row| (row.place.key.to_string(), row.id.to_string()));
    let shown = rows.iter().map(|row| MultipartUpload {
        initiated: Some(time(row.begun)),
        key: Some(encoding.write(row.place.key.as_str())),
        initiator: Some(initiator(&project)),
        owner: Some(owner(&project)),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(row.id.to_string()),
        ..Default::default()
    });
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        delimiter: input.delimiter.clone(),
        encoding_type: input.encoding_type.clone(),
        is_truncated: Some(truncated),
        key_marker: input.key_marker.clone(),
        max_uploads: i32::try_from(limit).ok(),
        next_key_marker: last.as_ref().map(|(key, _)| encoding.write(key)),
        next_upload_id_marker: last.map(|(_, id)| id),
        prefix: input.prefix.clone(),
        upload_id_marker: input.upload_id_marker.clone(),
        uploads: Some(shown.collect()),
        ..Default::default()
    })
}

/// Versions with content, and marks of deletion, which S3 lists apart.
fn split(
    listing: &Listing<VersionRecord>,
    encoding: Encoding,
    project: &Project,
) -> (Vec<ObjectVersion>, Vec<DeleteMarkerEntry>) {
    let owner = owner(project);
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for version in &listing.items {
        let (key, id) = (encoding.write(version.place.key.as_str()), version_text(version.version));
        match &version.object {
            Some(object) => versions.push(ObjectVersion {
                e_tag: Some(etag(object)),
                is_latest: Some(version.latest),
                key: Some(key),
                last_modified: Some(time(version.stored)),
                owner: Some(owner.clone()),
                size: i64::try_from(object.size_bytes).ok(),
                storage_class: Some(ObjectVersionStorageClass::from_static(
                    ObjectVersionStorageClass::STANDARD,
                )),
                version_id: Some(id),
                ..Default::default()
            }),
            None => markers.push(DeleteMarkerEntry {
                is_latest: Some(version.latest),
                key: Some(key),
                last_modified: Some(time(version.stored)),
                owner: Some(owner.clone()),
                version_id: Some(id),
            }),
        }
    }
    (versions, markers)
}

/// Where a list of objects begins, and how long it gets.
struct From<'r> {
    bucket: &'r str,
    prefix: Option<&'r str>,
    after: &'r str,
    limit: u32,
}

async fn list<T>(
    state: &AppState,
    request: &S3Request<T>,
    from: From<'_>,
    delimiter: &str,
) -> S3Result<Listing<ObjectRecord>> {
    let after = (!from.after.is_empty()).then(|| from.after.to_owned());
    let page = ObjectPage {
        project: Project::default_project(),
        bucket: bucket(from.bucket)?,
        prefix: from.prefix.unwrap_or_default().to_owned(),
        after,
        past: past(from.after, delimiter),
        limit: from.limit,
    };
    state.control.list_folders(caller(request), page, delimiter).await.map_err(refuse)
}

/// The folder that a page before ended with, if it ended with one: all of it was listed.
fn past(after: &str, delimiter: &str) -> Option<String> {
    (!delimiter.is_empty() && after.ends_with(delimiter)).then(|| after.to_owned())
}

fn contents(listing: &Listing<ObjectRecord>, encoding: Encoding, with_owner: bool) -> Vec<Object> {
    let shown = listing.items.iter().map(|record| Object {
        e_tag: Some(etag(record)),
        key: Some(encoding.write(record.key.as_str())),
        last_modified: Some(time(record.stored)),
        owner: with_owner.then(|| owner(&record.project)),
        size: i64::try_from(record.size_bytes).ok(),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Default::default()
    });
    shown.collect()
}

fn limit(wanted: Option<i32>) -> S3Result<u32> {
    match wanted {
        None => Ok(ITEMS_MAX),
        Some(wanted) => match u32::try_from(wanted) {
            Ok(wanted) => Ok(wanted.min(ITEMS_MAX)),
            Err(_) => Err(s3_error!(InvalidArgument, "the number of items cannot be negative")),
        },
    }
}

/// Keys may hold what a token in a URL should not.
fn seal_token(last: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(last.as_bytes())
}

fn open_token(token: &str) -> S3Result<String> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| s3_error!(InvalidArgument, "the continuation token is none of ours"))
}
