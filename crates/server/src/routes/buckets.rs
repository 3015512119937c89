use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_model::BucketName;
use casemate_objects::{BucketSample, BucketSettings, VersionPage, Versioning};
use http::StatusCode;
use serde::Deserialize;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PrefixQuery {
    /// What keys must start with.
    #[serde(default)]
    prefix: String,
}

/// List buckets
#[utoipa::path(get, path = "/buckets", operation_id = "buckets_list", params(PageQuery), tag = "buckets",
    responses((status = 200, body = wire::Page<wire::objects::Bucket>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_buckets(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::Bucket>>, Problem> {
    let query = query.into_inner()?;
    let after: Option<BucketName> = query.after()?;
    let rows = state.control.list_measured_buckets(&caller, after.as_ref(), query.rows()?).await?;
    let buckets = rows.iter().map(convert::bucket).collect();
    Ok(axum::Json(query.page(buckets, |bucket: &wire::objects::Bucket| bucket.bucket.clone())?))
}

/// What the project holds, and the most that it may
#[utoipa::path(get, path = "/usage", operation_id = "buckets_usage", tag = "buckets",
    responses((status = 200, body = wire::objects::Usage), (status = "default", body = wire::Problem)))]
pub(crate) async fn usage(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::objects::Usage>, Problem> {
    let (usage, quota) = state.control.usage(&caller).await?;
    Ok(axum::Json(wire::objects::Usage {
        objects: usage.objects,
        objects_max: quota.objects_max,
        bytes: usage.bytes,
        bytes_max: quota.bytes_max,
        upload_bytes: usage.upload_bytes,
    }))
}

/// Make an empty bucket
#[utoipa::path(post, path = "/buckets", operation_id = "buckets_create", tag = "buckets", params(IdempotencyParams),
    request_body = wire::objects::CreateBucket,
    responses((status = 201, body = wire::objects::Bucket), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_bucket(
    State(state): State<AppState>,
    From(caller): From,
    Json(create): Json<wire::objects::CreateBucket>,
) -> Result<Response, Problem> {
    let bucket: BucketName = body_field("/bucket", &create.bucket)?;
    let versioning = create.versioning.map(convert::versioning).unwrap_or_default();
    let settings = BucketSettings { versioning, ..BucketSettings::default() };
    if !state.control.create_bucket(&caller, &bucket, &settings).await? {
        return Err(Problem::bucket_exists(&bucket));
    }
    let made = state.control.show_measured_bucket(&caller, &bucket).await?;
    Ok((StatusCode::CREATED, axum::Json(convert::bucket(&made))).into_response())
}

/// Show a bucket
#[utoipa::path(get, path = "/buckets/{bucket}", operation_id = "buckets_show", tag = "buckets",
    params(("bucket" = String, Path, description = "The bucket")),
    responses((status = 200, body = wire::objects::Bucket), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_bucket(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
) -> Result<axum::Json<wire::objects::Bucket>, Problem> {
    let bucket: BucketName = path_parameter("bucket", &bucket)?;
    Ok(axum::Json(convert::bucket(&state.control.show_measured_bucket(&caller, &bucket).await?)))
}

/// Change settings of a bucket
#[utoipa::path(patch, path = "/buckets/{bucket}", operation_id = "buckets_configure", tag = "buckets",
    params(("bucket" = String, Path, description = "The bucket")), request_body = wire::objects::ConfigureBucket,
    responses((status = 200, body = wire::objects::Bucket), (status = "default", body = wire::Problem)))]
pub(crate) async fn configure_bucket(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
    Json(change): Json<wire::objects::ConfigureBucket>,
) -> Result<axum::Json<wire::objects::Bucket>, Problem> {
    let bucket: BucketName = path_parameter("bucket", &bucket)?;
    let (versioning, lifecycle) =
        (change.versioning.map(convert::versioning), change.lifecycle.map(convert::lifecycle));
    let what = match (versioning, lifecycle.is_some()) {
        (Some(Versioning::Off), _) => {
            return Err(Problem::field("/versioning", "versions are turned on or suspended, never off"));
        }
        (Some(Versioning::On), false) => Some("keeps versions"),
        (Some(Versioning::On), true) => Some("keeps versions, lifecycle rules set"),
        (Some(Versioning::Suspended), false) => Some("keeps no new versions"),
        (Some(Versioning::Suspended), true) => Some("keeps no new versions, lifecycle rules set"),
        (None, true) => Some("lifecycle rules set"),
        (None, false) => None,
    };
    // All of it or nothing: one change, with one entry.
    let set = move |settings: &mut BucketSettings| {
        settings.versioning = versioning.unwrap_or(settings.versioning);
        if let Some(lifecycle) = &lifecycle {
            settings.lifecycle.clone_from(lifecycle);
        }
    };
    if let Some(what) = what {
        state.control.configure_bucket(&caller, &bucket, what, set).await?;
    }
    Ok(axum::Json(convert::bucket(&state.control.show_measured_bucket(&caller, &bucket).await?)))
}

/// Delete an empty bucket
#[utoipa::path(delete, path = "/buckets/{bucket}", operation_id = "buckets_delete", tag = "buckets",
    params(("bucket" = String, Path, description = "The bucket")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn delete_bucket(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.delete_bucket(&caller, &path_parameter("bucket", &bucket)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a bucket took, day by day, the newest first
#[utoipa::path(get, path = "/buckets/{bucket}/samples", operation_id = "buckets_samples", tag = "buckets",
    params(("bucket" = String, Path, description = "The bucket"), PageQuery),
    responses((status = 200, body = wire::Page<wire::objects::BucketSample>),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn list_samples(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::BucketSample>>, Problem> {
    let (bucket, query) = (path_parameter("bucket", &bucket)?, query.into_inner()?);
    let rows = state.control.list_samples(&caller, &bucket, day(&query)?, query.rows()?).await?;
    page_of_samples(&query, &rows)
}

/// What all buckets of the project took together, day by day, the newest first
#[utoipa::path(get, path = "/bucket-samples", operation_id = "buckets_project_samples", tag = "buckets",
    params(PageQuery),
    responses((status = 200, body = wire::Page<wire::objects::BucketSample>),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn list_project_samples(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::BucketSample>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_project_samples(&caller, day(&query)?, query.rows()?).await?;
    page_of_samples(&query, &rows)
}

/// What of a prefix is stored as a difference to what
///
/// At most 200 contents of the first 400 versions.
#[utoipa::path(get, path = "/buckets/{bucket}/graph", operation_id = "objects_graph", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), PrefixQuery),
    responses((status = 200, body = wire::objects::Graph), (status = "default", body = wire::Problem)))]
pub(crate) async fn graph(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
    query: Answer<Query<PrefixQuery>>,
) -> Result<axum::Json<wire::objects::Graph>, Problem> {
    let PrefixQuery { prefix } = query.into_inner()?;
    let (project, bucket) = (caller.principal.project.clone(), path_parameter("bucket", &bucket)?);
    let page = VersionPage { project, bucket, prefix, after: None, past: None, limit: 0 };
    Ok(axum::Json(convert::graph(&state.control.graph(&caller, page).await?)))
}

/// The day to list samples before.
fn day(query: &PageQuery) -> Result<Option<u64>, Problem> {
    let Some(text) = query.after::<String>()? else {
        return Ok(None);
    };
    let day = convert::day_of_text(&text);
    day.map(Some)
        .ok_or_else(|| Problem::parameter_text("after", "must be a day such as 2026-01-31".to_owned()))
}

fn page_of_samples(
    query: &PageQuery,
    rows: &[BucketSample],
) -> Result<axum::Json<wire::Page<wire::objects::BucketSample>>, Problem> {
    let samples = rows.iter().map(convert::sample).collect();
    Ok(axum::Json(query.page(samples, |sample: &wire::objects::BucketSample| sample.day.clone())?))
}
