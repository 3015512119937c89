use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{Caller, Control};
use casemate_model::{BucketName, Digest, ObjectKey};
use casemate_objects::{
    Attributes, Before, Deleted, NewObject, ObjectPage, ObjectRecord, PutRule, VerifiedBlob, Version,
    is_media_type,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::{Stream, StreamExt};

use crate::app::AppState;
use crate::caller::From;
use crate::extract::{Answer, Path};
use crate::json::refuse_encoded;
use crate::page::PageQuery;
use crate::problem::{Problem, path_parameter};
use crate::range::{Asked, asked};
use crate::routes::versions::VersionQuery;
use crate::transfer::{IDLE_MAX, stream};

/// The header in which an uploader announces the digest of what it sends.
const DIGEST: HeaderName = HeaderName::from_static("x-casemate-digest");

/// What folders end with.
const FOLDER_END: &str = "/";

/// Content of users is never shown as a page of ours, whatever it claims to be.
const CONTENT_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ObjectsQuery {
    /// What keys must start with.
    #[serde(default)]
    prefix: String,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List the objects of a bucket
#[utoipa::path(get, path = "/buckets/{bucket}/objects", operation_id = "objects_list", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ObjectsQuery),
    responses((status = 200, body = wire::Page<wire::objects::Object>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_objects(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
    query: Answer<Query<ObjectsQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::Object>>, Problem> {
    let ObjectsQuery { prefix, limit, after } = query.into_inner()?;
    let bucket: BucketName = path_parameter("bucket", &bucket)?;
    let page = PageQuery::new(limit, after);
    let rows = state.control.list_objects(&caller, bucket, prefix, page.after()?, page.rows()?).await?;
    let objects = rows.iter().map(crate::convert::object).collect();
    Ok(axum::Json(page.page(objects, |object: &wire::objects::Object| object.key.clone())?))
}

/// List the folders and objects of a folder
///
/// A folder is what keys have in common up to a slash behind the prefix.
#[utoipa::path(get, path = "/buckets/{bucket}/folder", operation_id = "objects_folder", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ObjectsQuery),
    responses((status = 200, body = wire::Page<wire::objects::FolderEntry>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_folder(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
    query: Answer<Query<ObjectsQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::FolderEntry>>, Problem> {
    let ObjectsQuery { prefix, limit, after } = query.into_inner()?;
    let project = caller.principal.project.clone();
    let past = after.clone().filter(|after| after.ends_with(FOLDER_END));
    let limit = PageQuery::new(limit, None).rows()? - 1;
    let page = ObjectPage { project, bucket: path_parameter("bucket", &bucket)?, prefix, after, past, limit };
    let listing = state.control.list_folders(&caller, page, FOLDER_END).await?;
    Ok(axum::Json(crate::convert::folder(&listing)))
}

/// Show an object
#[utoipa::path(get, path = "/object-info/{bucket}/{*key}", operation_id = "objects_stat", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ("key" = String, Path, description = "The key"),
        VersionQuery),
    responses((status = 200, body = wire::objects::ObjectInfo), (status = "default", body = wire::Problem)))]
pub(crate) async fn stat_object(
    State(state): State<AppState>,
    From(caller): From,
    Path((bucket, key)): Path<(String, String)>,
    query: Answer<Query<VersionQuery>>,
) -> Result<axum::Json<wire::objects::ObjectInfo>, Problem> {
    let ((bucket, key), version) = (address(&bucket, &key)?, query.into_inner()?.version()?);
    let (record, storage) = state.control.stat_object(&caller, (&bucket, &key), version).await?;
    Ok(axum::Json(crate::convert::object_info(&record, &storage)))
}

/// Store an object
#[utoipa::path(put, path = "/objects/{bucket}/{*key}", operation_id = "objects_put", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket; it is made when absent"),
        ("key" = String, Path, description = "The key"),
        ("x-casemate-digest" = Option<String>, Header, description = "The content's digest, checked before the answer"),
        ("if-none-match" = Option<String>, Header, description = "`*`, if there may be no object of the key")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = wire::objects::Object), (status = "default", body = wire::Problem)))]
pub(crate) async fn put_object(
    State(state): State<AppState>,
    From(caller): From,
    Path((bucket, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_encoded(&headers)?;
    let (bucket, key) = address(&bucket, &key)?;
    let new = NewObject {
        bucket,
        key,
        media_type: media_type(&headers),
        expected: announced(&headers)?,
        attributes: Attributes::default(),
        rule: PutRule { before: before(&headers)?, ..PutRule::default() },
        with_md5: false,
        expected_md5: None,
    };
    let _place = state.transfer()?;
    let record = state.control.put_object(&caller, new, flowing(body), |_: &mut Attributes| ()).await?;
    let tag = [(header::ETAG, entity_tag(&record.digest))];
    Ok((StatusCode::CREATED, tag, axum::Json(crate::convert::object(&record))).into_response())
}

/// Download an object
///
/// One range of bytes may be asked for, to go on with a download that broke off; with `If-Range` only if the content is
/// still the same.
#[utoipa::path(get, path = "/objects/{bucket}/{*key}", operation_id = "objects_get", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ("key" = String, Path, description = "The key"),
        VersionQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn get_object(
    State(state): State<AppState>,
    From(caller): From,
    Path((bucket, key)): Path<(String, String)>,
    query: Answer<Query<VersionQuery>>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ((bucket, key), version) = (address(&bucket, &key)?, query.into_inner()?.version()?);
    let place = state.transfer()?;
    let known = |record: &ObjectRecord| is_known(&headers, &record.digest);
    let wanted = |record: &ObjectRecord| method != Method::HEAD && !known(record);
    let (record, blob) = state.control.get_object(&caller, (&bucket, &key), version, wanted).await?;
    let tag = format!("\"{}\"", record.digest);
    let mut response = match blob {
        Some(blob) => match asked(&headers, &tag, record.size_bytes) {
            Asked::Whole => download((&state.control, &caller), blob, &record.media_type, place),
            Asked::Part(within) => {
                let reader = (&state.control, &caller);
                download_part(reader, blob, within, (&record.media_type, place))
            }
            Asked::Nothing => return Err(Problem::no_such_range(record.size_bytes)),
        },
        None if known(&record) => StatusCode::NOT_MODIFIED.into_response(),
        None => with_headers(Body::empty(), &record.media_type, record.size_bytes),
    };
    response.headers_mut().insert(header::ETAG, entity_tag(&record.digest));
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// Delete an object, or a version of it for good
///
/// Without a version, an object of a bucket that keeps versions is marked as deleted, and its versions stay.
#[utoipa::path(delete, path = "/objects/{bucket}/{*key}", operation_id = "objects_delete", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ("key" = String, Path, description = "The key"),
        VersionQuery),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn delete_object(
    State(state): State<AppState>,
    From(caller): From,
    Path((bucket, key)): Path<(String, String)>,
    query: Answer<Query<VersionQuery>>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    refuse_if_match(&headers)?;
    let ((bucket, key), version) = (address(&bucket, &key)?, query.into_inner()?.version()?);
    if let Version::Given(version) = version {
        let deleted = state.control.delete_version(&caller, (&bucket, &key), version).await?;
        deleted.ok_or_else(|| Problem::version_not_found(&bucket, &key))?;
        return Ok(StatusCode::NO_CONTENT);
    }
    if state.control.delete_object(&caller, (&bucket, &key), &Before::Anything).await? == Deleted::Absent {
        return Err(Problem::object_not_found(&bucket, &key));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Answers checked content as a download that no browser takes for a page of ours.
pub(crate) fn download(
    reader: (&Control, &Caller),
    blob: VerifiedBlob,
    media_type: &str,
    place: OwnedSemaphorePermit,
) -> Response {
    let length = blob.size_bytes();
    let content = stream(reader, blob, 0..length, Some(place));
    with_headers(Body::from_stream(content), media_type, length)
}

/// The same of a part of it.
fn download_part(
    reader: (&Control, &Caller),
    blob: VerifiedBlob,
    within: Range<u64>,
    (media_type, place): (&str, OwnedSemaphorePermit),
) -> Response {
    let said = format!("bytes {}-{}/{}", within.start, within.end - 1, blob.size_bytes());
    let length = within.end - within.start;
    let content = stream(reader, blob, within, Some(place));
    let mut response = with_headers(Body::from_stream(content), media_type, length);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let said = HeaderValue::try_from(said).expect("digits and marks");
    response.headers_mut().insert(header::CONTENT_RANGE, said);
    response
}

fn with_headers(body: Body, media_type: &str, length: u64) -> Response {
    let media_type = HeaderValue::try_from(media_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    response
}

/// An upload that breaks off when nothing more of it comes for a while.
pub(crate) fn flowing(body: Body) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    StreamExt::map(body.into_data_stream().timeout(IDLE_MAX), |piece| match piece {
        Ok(piece) => piece.map_err(std::io::Error::other),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    })
}

fn entity_tag(digest: &Digest) -> HeaderValue {
    HeaderValue::try_from(format!("\"{digest}\"")).expect("hex and quotes")
}

/// Whether the client says that it has this content already (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let tag = entity_tag(digest);
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

pub(super) fn address(bucket: &str, key: &str) -> Result<(BucketName, ObjectKey), Problem> {
    Ok((path_parameter("bucket", bucket)?, path_parameter("key", key)?))
}

/// What must be there before a put. A condition that is not understood is refused, as passing over it would overwrite what it
/// guards.
fn before(headers: &HeaderMap) -> Result<Before, Problem> {
    refuse_if_match(headers)?;
    match headers.get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes) {
        None => Ok(Before::Anything),
        Some(b"*") => Ok(Before::Absent),
        Some(_) => Err(Problem::parameter_text("if-none-match", "must be `*` for a put".to_owned())),
    }
}

fn refuse_if_match(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::IF_MATCH) {
        return Err(Problem::parameter_text(
            "if-match",
            "is not for changes of objects here; S3 has it".to_owned(),
        ));
    }
    Ok(())
}

/// The media type as given, if it is short and printable; it is shown, never trusted.
fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.filter(|text| is_media_type(text)).unwrap_or("application/octet-stream").to_owned()
}

fn announced(headers: &HeaderMap) -> Result<Option<Digest>, Problem> {
    let Some(text) = headers.get(DIGEST) else {
        return Ok(None);
    };
    let digest = text.to_str().unwrap_or_default().parse::<Digest>();
    digest.map(Some).map_err(|error| Problem::parameter("x-casemate-digest", &error))
}
