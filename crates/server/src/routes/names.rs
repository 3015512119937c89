use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_model::{Digest, Name};
use casemate_names::NameRecord;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, counting_number, path_parameter};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NamesQuery {
    /// What names must begin with.
    #[serde(default)]
    prefix: String,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Claim a name
#[utoipa::path(post, path = "/names", operation_id = "names_claim", tag = "names", params(IdempotencyParams), request_body = wire::names::ClaimName,
    responses((status = 201, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn claim_name(
    State(state): State<AppState>,
    From(caller): From,
    Json(claim): Json<wire::names::ClaimName>,
) -> Result<Response, Problem> {
    let name: Name = body_field("/name", &claim.name)?;
    let digest: Digest = body_field("/digest", &claim.digest)?;
    let record = state.control.claim_name(&caller, &name, digest).await?;
    Ok(answer(StatusCode::CREATED, &record))
}

/// List the project's names
#[utoipa::path(get, path = "/names", operation_id = "names_list", tag = "names", params(NamesQuery),
    responses((status = 200, body = wire::Page<wire::names::Name>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_names(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<NamesQuery>>,
) -> Result<axum::Json<wire::Page<wire::names::Name>>, Problem> {
    let NamesQuery { prefix, limit, after } = query.into_inner()?;
    let page = PageQuery::new(limit, after);
    let rows = state.control.list_names(&caller, prefix, page.after()?, page.rows()?).await?;
    let names = rows.iter().map(convert::name).collect();
    Ok(axum::Json(page.page(names, |name: &wire::names::Name| name.name.clone())?))
}

/// Show what a name means
#[utoipa::path(get, path = "/names/{name}", operation_id = "names_show", tag = "names",
    params(("name" = String, Path, description = "The name")),
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    Ok(answer(StatusCode::OK, &state.control.resolve_name(&caller, &name).await?))
}

/// Say whether a name can be claimed
///
/// By the caller's project, at this moment: it is said by who decides, and somebody else may be first afterwards.
#[utoipa::path(get, path = "/names/{name}/check", operation_id = "names_check", tag = "names",
    params(("name" = String, Path, description = "The name")),
    responses((status = 200, body = wire::names::NameCheck), (status = "default", body = wire::Problem)))]
pub(crate) async fn check_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<axum::Json<wire::names::NameCheck>, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let refused = state.control.check_name(&caller, &name).await?;
    Ok(axum::Json(wire::names::NameCheck {
        name: name.to_string(),
        unicode: name.to_unicode().into_owned(),
        free: refused.is_none(),
        reason: refused.map(|refused| refused.to_string()),
    }))
}

/// Point a name at another digest
#[utoipa::path(put, path = "/names/{name}", operation_id = "names_update", tag = "names",
    params(("name" = String, Path, description = "The name"),
        ("if-match" = String, Header, description = "The name's ETag: the version that is to be replaced")),
    request_body = wire::names::UpdateName,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn update_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(update): Json<wire::names::UpdateName>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let expected = expected_sequence(&headers)?;
    let digest: Digest = body_field("/digest", &update.digest)?;
    let record = state.control.update_name(&caller, &name, digest, expected).await?;
    Ok(answer(StatusCode::OK, &record))
}

/// Release a name
#[utoipa::path(delete, path = "/names/{name}", operation_id = "names_release", tag = "names",
    params(("name" = String, Path, description = "The name")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn release_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.release_name(&caller, &path_parameter("name", &name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show a name's history, newest first
#[utoipa::path(get, path = "/names/{name}/history", operation_id = "names_history", tag = "names",
    params(("name" = String, Path, description = "The name"), PageQuery),
    responses((status = 200, body = wire::Page<wire::names::NameVersion>), (status = "default", body = wire::Problem)))]
pub(crate) async fn name_history(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::names::NameVersion>>, Problem> {
    let query = query.into_inner()?;
    let name: Name = path_parameter("name", &name)?;
    let after = query.after()?.map(|after| counting_number("after", after)).transpose()?;
    let rows = state.control.name_history(&caller, &name, after, query.rows()?).await?;
    let versions = rows.iter().map(convert::name_version).collect();
    Ok(axum::Json(query.page(versions, |version: &wire::names::NameVersion| version.sequence.to_string())?))
}

fn answer(status: StatusCode, record: &NameRecord) -> Response {
    let tag = [(header::ETAG, format!("\"{}\"", record.sequence))];
    (status, tag, axum::Json(convert::name(record))).into_response()
}

/// The version that the client saw. Without one an update could undo somebody else's unseen.
fn expected_sequence(headers: &HeaderMap) -> Result<u64, Problem> {
    let given = headers.get(header::IF_MATCH).ok_or_else(Problem::if_match_required)?;
    let text = given.to_str().unwrap_or_default();
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let sequence = digits.parse().map_err(|_| {
        Problem::parameter_text(
            "if-match",
            "must be the name's ETag, such as \"3\" with its quotes".to_owned(),
        )
    })?;
    counting_number("if-match", sequence)
}
