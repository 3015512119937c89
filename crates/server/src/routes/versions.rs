use std::str::FromStr;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::CopySource;
use casemate_model::{ObjectKey, VersionId};
use casemate_objects::{Version, VersionPage};
use http::StatusCode;
use serde::Deserialize;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::page::PageQuery;
use crate::problem::{Problem, path_parameter};
use crate::routes::objects::address;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionQuery {
    /// A version's id, or `null` for the one that was made while none were kept; the newest unless given.
    version: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsQuery {
    /// What keys must start with.
    #[serde(default)]
    prefix: String,
    /// The one key whose versions are wanted.
    key: Option<String>,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl VersionQuery {
    /// The version that is asked for.
    pub(super) fn version(&self) -> Result<Version, Problem> {
        let Some(text) = self.version.as_deref() else {
            return Ok(Version::Latest);
        };
        version_of(text).map_err(|error| Problem::parameter("version", &error))
    }
}

/// Reads a version's id, or `null`.
pub(super) fn version_of(text: &str) -> Result<Version, <VersionId as FromStr>::Err> {
    if text == "null" {
        return Ok(Version::Given(None));
    }
    Ok(Version::Given(Some(text.parse()?)))
}

/// List versions of objects, the newest of each key first
#[utoipa::path(get, path = "/buckets/{bucket}/versions", operation_id = "objects_versions", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), VersionsQuery),
    responses((status = 200, body = wire::Page<wire::objects::ObjectVersion>),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn list_versions(
    State(state): State<AppState>,
    From(caller): From,
    Path(bucket): Path<String>,
    query: Answer<Query<VersionsQuery>>,
) -> Result<axum::Json<wire::Page<wire::objects::ObjectVersion>>, Problem> {
    let VersionsQuery { prefix, key, limit, after } = query.into_inner()?;
    let page = PageQuery::new(limit, after);
    let key: Option<ObjectKey> = key.map(|key| path_parameter("key", &key)).transpose()?;
    let wanted = VersionPage {
        project: caller.principal.project.clone(),
        bucket: path_parameter("bucket", &bucket)?,
        prefix: key.as_ref().map_or(prefix, ObjectKey::to_string),
        after: page.after::<String>()?.map(|after| position(&after)).transpose()?,
        past: None,
        limit: page.rows()?,
    };
    let listing = state.control.list_versions(&caller, wanted, None, "").await?;
    let of_key = listing.items.into_iter().filter(|row| key.as_ref().is_none_or(|key| row.place.key == *key));
    let rows: Vec<_> = of_key.collect();
    let page = page.page(rows, |row| format!("{}/{}", row.sequence, row.place.key))?;
    let items = page.items.iter().map(convert::version).collect();
    Ok(axum::Json(wire::Page { items, next: page.next }))
}

/// Make an older version of an object the newest again
#[utoipa::path(post, path = "/object-restore/{bucket}/{*key}", operation_id = "objects_restore", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ("key" = String, Path, description = "The key"),
        VersionQuery, IdempotencyParams),
    responses((status = 201, body = wire::objects::Object), (status = "default", body = wire::Problem)))]
pub(crate) async fn restore_object(
    State(state): State<AppState>,
    From(caller): From,
    Path((bucket, key)): Path<(String, String)>,
    query: Answer<Query<VersionQuery>>,
) -> Result<Response, Problem> {
    let ((bucket, key), version) = (address(&bucket, &key)?, query.into_inner()?.version()?);
    if version == Version::Latest {
        return Err(Problem::parameter_text("version", "must name the version to restore".to_owned()));
    }
    let record = state.control.restore_object(&caller, &CopySource { bucket, key, version }).await?;
    Ok((StatusCode::CREATED, axum::Json(convert::object(&record))).into_response())
}

/// Read an object's content again and say whether it is what was put
#[utoipa::path(post, path = "/object-verify/{bucket}/{*key}", operation_id = "objects_verify", tag = "objects",
    params(("bucket" = String, Path, description = "The bucket"), ("key" = String, Path, description = "The key"),
        VersionQuery),
    responses((status = 200, body = wire::objects::Verification), (status = "default", body = wire::Problem)))]
pub(crate) async fn verify_object(
    State(state): State<AppState>,
    From(caller): From,
    Path((bucket, key)): Path<(String, String)>,
    query: Answer<Query<VersionQuery>>,
) -> Result<axum::Json<wire::objects::Verification>, Problem> {
    let ((bucket, key), version) = (address(&bucket, &key)?, query.into_inner()?.version()?);
    let _place = state.transfer()?;
    let (record, verdict) = state.control.verify_object(&caller, (&bucket, &key), version).await?;
    Ok(axum::Json(wire::objects::Verification {
        object: convert::object(&record),
        verdict: convert::verdict(verdict),
        verified: state.control.now().to_string(),
    }))
}

/// Where a list goes on: a sequence and a key.
fn position(after: &str) -> Result<(String, u64), Problem> {
    let wrong = || Problem::parameter_text("after", "must be `next` of the page before".to_owned());
    let (sequence, key) = after.split_once('/').ok_or_else(wrong)?;
    Ok((key.to_owned(), sequence.parse().map_err(|_| wrong())?))
}
