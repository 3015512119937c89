use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{Caller, UploadRef};
use casemate_model::UploadId;
use casemate_objects::{Attributes, CompletedPart, PartRecord, PutRule, is_media_type};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::{Json, refuse_encoded};
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};
use crate::routes::objects::flowing;

/// Parts that are read at a time when an upload is completed.
const PARTS_PAGE: u32 = 1_000;

/// Where an upload goes. An id alone opens nothing: it must belong to its place.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlaceQuery {
    /// The bucket.
    bucket: String,
    /// The object's key.
    key: String,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl PlaceQuery {
    fn upload(&self, id: &str) -> Result<UploadRef, Problem> {
        Ok(UploadRef {
            bucket: path_parameter("bucket", &self.bucket)?,
            key: path_parameter("key", &self.key)?,
            id: path_parameter("upload", id)?,
        })
    }
}

/// Begin an upload in parts
///
/// What breaks off can go on with the parts that are missing. Uploads that are not completed are given up after seven days.
#[utoipa::path(post, path = "/uploads", operation_id = "uploads_begin", tag = "objects", params(IdempotencyParams),
    request_body = wire::objects::BeginUpload,
    responses((status = 201, body = wire::objects::UploadBegun), (status = "default", body = wire::Problem)))]
pub(crate) async fn begin_upload(
    State(state): State<AppState>,
    From(caller): From,
    Json(wanted): Json<wire::objects::BeginUpload>,
) -> Result<Response, Problem> {
    let place = (body_field("/bucket", &wanted.bucket)?, body_field("/key", &wanted.key)?);
    let media_type = wanted.media_type.unwrap_or_else(|| wire::objects::MEDIA_TYPE_DEFAULT.to_owned());
    if !is_media_type(&media_type) {
        return Err(Problem::field("/media_type", "has 1 to 255 printable characters of ASCII"));
    }
    let begun = state.control.begin_upload(&caller, place, media_type, Attributes::default()).await?;
    let answer = wire::objects::UploadBegun {
        upload: begun.id.to_string(),
        bucket: begun.place.bucket.to_string(),
        key: begun.place.key.to_string(),
        begun: begun.begun.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// List the parts of an upload that are stored
#[utoipa::path(get, path = "/uploads/{upload}/parts", operation_id = "uploads_parts", tag = "objects",
    params(("upload" = String, Path, description = "The upload"), PlaceQuery),
    responses((status = 200, body = wire::Page<wire::objects::UploadPart>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_parts(
    State(state): State<AppState>,
    From(caller): From,
    Path(upload): Path<String>,
    query: Answer<Query<PlaceQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::UploadPart>>, Problem> {
    let query = query.into_inner()?;
    let upload = query.upload(&upload)?;
    let page = PageQuery::new(query.limit, query.after);
    let after: Option<u32> = page.after()?;
    let (_, rows) = state.control.list_parts(&caller, &upload, after.unwrap_or(0), page.rows()?).await?;
    let parts = rows.iter().map(part).collect();
    Ok(axum::Json(page.page(parts, |part: &wire::objects::UploadPart| part.number.to_string())?))
}

/// Store a part of an upload, in the place of the one of that number
///
/// All but the last have at least 5 MiB.
#[utoipa::path(put, path = "/uploads/{upload}/parts/{number}", operation_id = "uploads_put_part", tag = "objects",
    params(("upload" = String, Path, description = "The upload"),
        ("number" = u32, Path, description = "From 1 to 10000"), PlaceQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = wire::objects::UploadPart), (status = "default", body = wire::Problem)))]
pub(crate) async fn put_part(
    State(state): State<AppState>,
    From(caller): From,
    Path((upload, number)): Path<(String, String)>,
    query: Answer<Query<PlaceQuery>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_encoded(&headers)?;
    let upload = query.into_inner()?.upload(&upload)?;
    let number: u32 = path_parameter("number", &number)?;
    let _place = state.transfer()?;
    let stored =
        state.control.put_part(&caller, &upload, (number, None, flowing(body)), BTreeMap::new).await?;
    Ok((StatusCode::CREATED, axum::Json(part(&stored))).into_response())
}

/// Make the parts of an upload one object
#[utoipa::path(post, path = "/uploads/{upload}/complete", operation_id = "uploads_complete", tag = "objects",
    params(("upload" = String, Path, description = "The upload"), IdempotencyParams),
    request_body = wire::objects::CompleteUpload,
    responses((status = 201, body = wire::objects::Object), (status = "default", body = wire::Problem)))]
pub(crate) async fn complete_upload(
    State(state): State<AppState>,
    From(caller): From,
    Path(upload): Path<String>,
    Json(wanted): Json<wire::objects::CompleteUpload>,
) -> Result<Response, Problem> {
    let upload = UploadRef {
        bucket: body_field("/bucket", &wanted.bucket)?,
        key: body_field("/key", &wanted.key)?,
        id: path_parameter::<UploadId>("upload", &upload)?,
    };
    let parts = all_parts(&state, &caller, &upload).await?;
    let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
    if size_bytes != wanted.size_bytes {
        return Err(Problem::parts_missing(size_bytes, wanted.size_bytes));
    }
    let named: Vec<_> = parts
        .into_iter()
        .map(|part| CompletedPart {
            number: part.number,
            etag: part.etag.to_string(),
            checksums: BTreeMap::new(),
        })
        .collect();
    let _place = state.transfer()?;
    let sums = |_: &[PartRecord]| Ok(BTreeMap::new());
    let record = state.control.complete_upload(&caller, (&upload, &named), PutRule::default(), sums).await?;
    Ok((StatusCode::CREATED, axum::Json(convert::object(&record))).into_response())
}

/// Give an upload up
#[utoipa::path(delete, path = "/uploads/{upload}", operation_id = "uploads_abort", tag = "objects",
    params(("upload" = String, Path, description = "The upload"), PlaceQuery),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn abort_upload(
    State(state): State<AppState>,
    From(caller): From,
    Path(upload): Path<String>,
    query: Answer<Query<PlaceQuery>>,
) -> Result<StatusCode, Problem> {
    state.control.abort_upload(&caller, &query.into_inner()?.upload(&upload)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn all_parts(
    state: &AppState,
    caller: &Caller,
    upload: &UploadRef,
) -> Result<Vec<PartRecord>, Problem> {
    let mut parts: Vec<PartRecord> = Vec::new();
    loop {
        let after = parts.last().map_or(0, |part| part.number);
        let (_, page) = state.control.list_parts(caller, upload, after, PARTS_PAGE).await?;
        let last = page.len() < PARTS_PAGE as usize;
        parts.extend(page);
        if last {
            return Ok(parts);
        }
    }
}

fn part(part: &PartRecord) -> wire::objects::UploadPart {
    wire::objects::UploadPart { number: part.number, size_bytes: part.size_bytes }
}
