use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_api::names::{Resolution, ResolutionKind};
use casemate_model::{Name, Tag};
use casemate_names::{Order, Resolved, WhichNames};
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
    /// A tag that they must have.
    tag: Option<String>,
    /// Whether those that end first come first.
    #[serde(default)]
    ending: bool,
    /// Whether those are wanted that are offered to the project, instead of its own.
    #[serde(default)]
    offered: bool,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NameQuery {
    /// How many seconds old the answer may be. Without it, or with 0, it is what is so now.
    max_age: Option<u64>,
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
    let content = convert::claim_of(&claim)?;
    let nonce = claim.nonce.as_deref().map(|nonce| body_field("/nonce", nonce)).transpose()?;
    Ok(answer(StatusCode::CREATED, &state.control.claim_name(&caller, &name, content, nonce).await?))
}

/// List names that the project has to do with
#[utoipa::path(get, path = "/names", operation_id = "names_list", tag = "names", params(NamesQuery),
    responses((status = 200, body = wire::Page<wire::names::Name>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_names(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<NamesQuery>>,
) -> Result<axum::Json<wire::Page<wire::names::Name>>, Problem> {
    let query = query.into_inner()?;
    let which = which(&query)?;
    let page = PageQuery::new(query.limit, query.after);
    let rows = state.control.list_names(&caller, which, page.after()?, page.rows()?).await?;
    let names = rows.iter().map(convert::name).collect();
    Ok(axum::Json(page.page(names, |name: &wire::names::Name| name.name.clone())?))
}

fn which(query: &NamesQuery) -> Result<WhichNames, Problem> {
    let tag: Option<Tag> = query.tag.as_deref().map(|tag| path_parameter("tag", tag)).transpose()?;
    match (query.prefix.as_str(), tag, query.ending, query.offered) {
        (prefix, None, false, false) => Ok(WhichNames::Prefix(prefix.to_owned())),
        ("", Some(tag), false, false) => Ok(WhichNames::Tagged(tag)),
        ("", None, true, false) => Ok(WhichNames::Ending),
        ("", None, false, true) => Ok(WhichNames::Offered),
        _ => {
            let text = "goes without the others: ask by prefix, tag, ending or offered".to_owned();
            Err(Problem::parameter_text("prefix", text))
        }
    }
}

/// Show what a name means
#[utoipa::path(get, path = "/names/{name}", operation_id = "names_show", tag = "names",
    params(("name" = String, Path, description = "The name"), NameQuery),
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<NameQuery>>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let (resolved, resolution) = match query.into_inner()?.max_age {
        None | Some(0) => {
            let strict = Resolution { kind: ResolutionKind::Strict, age_ms: Some(0) };
            (state.control.resolve_name(&caller, &name).await?, strict)
        }
        Some(seconds) => {
            let age_max = Duration::from_secs(seconds);
            let (resolved, age) = state.control.resolve_name_bounded(&caller, &name, age_max).await?;
            (resolved, convert::bounded(age))
        }
    };
    let name = wire::names::Name { resolution: Some(resolution), ..convert::name(&resolved) };
    let tag = [(header::ETAG, format!("\"{}\"", name.sequence))];
    Ok((tag, axum::Json(name)).into_response())
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

/// Point a name elsewhere
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
    let order = Order::Update(convert::edit_of(&update)?);
    let resolved = state.control.change_name(&caller, &name, order, (Some(expected), None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
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
    let name: Name = path_parameter("name", &name)?;
    state.control.change_name(&caller, &name, Order::Release, (None, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keep a name for longer
#[utoipa::path(post, path = "/names/{name}/renew", operation_id = "names_renew", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn renew_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved = state.control.change_name(&caller, &name, Order::Renew, (None, None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Let another project take a name over
#[utoipa::path(post, path = "/names/{name}/offer", operation_id = "names_offer", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    request_body = wire::names::OfferName,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn offer_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::names::OfferName>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved = state.control.change_name(&caller, &name, offer_of(&body)?, (None, None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Call off an offer of a name, or a change of its keys
#[utoipa::path(delete, path = "/names/{name}/offer", operation_id = "names_withdraw", tag = "names",
    params(("name" = String, Path, description = "The name")),
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn withdraw_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved = state.control.change_name(&caller, &name, Order::Withdraw, (None, None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Not want a name that is offered
#[utoipa::path(post, path = "/names/{name}/decline", operation_id = "names_decline", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn decline_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved = state.control.change_name(&caller, &name, Order::Decline, (None, None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Take over a name that is offered
#[utoipa::path(post, path = "/names/{name}/accept", operation_id = "names_accept", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    request_body = wire::names::AcceptName,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn accept_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::names::AcceptName>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved =
        state.control.change_name(&caller, &name, convert::acceptance_of(&body)?, (None, None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Have the successor of a lost key count
///
/// It was named by a record that the recovery key signed, a while ago, and nobody has objected.
#[utoipa::path(post, path = "/names/{name}/recover", operation_id = "names_recover", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn recover_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved = state.control.change_name(&caller, &name, Order::FinishRecovery, (None, None)).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Let nobody use a name for now
///
/// For who runs the node, and who holds a name above it.
#[utoipa::path(post, path = "/names/{name}/suspend", operation_id = "names_suspend", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    request_body = wire::names::StopName,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn suspend_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::names::StopName>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved =
        state.control.change_name(&caller, &name, Order::Suspend, (None, body.reason.as_deref())).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Let a name be used again
///
/// One that was suspended, or revoked not long ago.
#[utoipa::path(post, path = "/names/{name}/resume", operation_id = "names_resume", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    request_body = wire::names::StopName,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn resume_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::names::StopName>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved =
        state.control.change_name(&caller, &name, Order::Resume, (None, body.reason.as_deref())).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

/// Take a name away
///
/// It may not be used from then on, and is gone after a while unless it is resumed. For who runs the node, and who holds a name above it.
#[utoipa::path(post, path = "/names/{name}/revoke", operation_id = "names_revoke", tag = "names",
    params(("name" = String, Path, description = "The name"), IdempotencyParams),
    request_body = wire::names::StopName,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn revoke_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::names::StopName>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let resolved =
        state.control.change_name(&caller, &name, Order::Revoke, (None, body.reason.as_deref())).await?;
    Ok(answer(StatusCode::OK, &resolved))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProofQuery {
    /// The version to prove; the newest unless given.
    version: Option<u64>,
}

/// Fetch what proves offline what a name meant
///
/// The answer is a bundle: the signed record, the audit entry that names it, the proof that the entry is in the log, and the log's
/// signed checkpoint. `casemate verify` checks it without node or network.
#[utoipa::path(get, path = "/names/{name}/proof", operation_id = "names_prove", tag = "names",
    params(("name" = String, Path, description = "The name"), ProofQuery),
    responses((status = 200, body = String, content_type = "text/plain"), (status = "default", body = wire::Problem)))]
pub(crate) async fn prove_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<ProofQuery>>,
) -> Result<Response, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let version =
        query.into_inner()?.version.map(|version| counting_number("version", version)).transpose()?;
    let bundle = state.control.prove_name(&caller, &name, version).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], bundle.to_string()).into_response())
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

fn offer_of(offer: &wire::names::OfferName) -> Result<Order, Problem> {
    Ok(Order::Offer { to: body_field("/to", &offer.to)? })
}

pub(super) fn answer(status: StatusCode, resolved: &Resolved) -> Response {
    let tag = [(header::ETAG, format!("\"{}\"", resolved.held.record.sequence))];
    (status, tag, axum::Json(convert::name(resolved))).into_response()
}

/// The version that the client saw. Without one an update could undo somebody else's unseen.
fn expected_sequence(headers: &HeaderMap) -> Result<u64, Problem> {
    let given = headers.get(header::IF_MATCH).ok_or_else(Problem::if_match_required)?;
    let text = given.to_str().unwrap_or_default();
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    // As it was given: other ways to write a number are no tag of a name.
    let sequence = digits.parse().ok().filter(|sequence: &u64| sequence.to_string() == digits);
    let sequence = sequence.ok_or_else(|| {
        Problem::parameter_text(
            "if-match",
            "must be the name's ETag, such as \"3\" with its quotes".to_owned(),
        )
    })?;
    counting_number("if-match", sequence)
}
