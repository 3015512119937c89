use axum::extract::State;
use casemate_api as wire;
use casemate_control::OverrideRequest;
use casemate_limits::Quota;
use casemate_throttle::{Override, Subject, Tier};
use http::StatusCode;

use crate::app::AppState;
use crate::caller::From;
use crate::extract::Path;
use crate::json::Json;
use crate::problem::{Problem, body_field, path_parameter};

/// Show the limits of requests
#[utoipa::path(get, path = "/limits", operation_id = "limits_list", tag = "limits",
    responses((status = 200, body = wire::limits::Limits), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_limits(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::limits::Limits>, Problem> {
    let overrides = state.control.list_limits(&caller).await?;
    let throttle = state.control.throttle();
    let tier_limit = |tier: Tier| {
        let Quota { per_second, burst } = throttle.settings().quota(tier);
        wire::limits::TierLimit { tier: tier.to_string(), per_second, burst }
    };
    Ok(axum::Json(wire::limits::Limits {
        tiers: Tier::EVERY.map(tier_limit).to_vec(),
        overrides: overrides.iter().map(limit_override).collect(),
        dry_run: throttle.settings().dry_run,
        shared: throttle.is_shared(),
    }))
}

/// Set an exception from a limit
///
/// It is in force within a second on every node, until it ends.
#[utoipa::path(put, path = "/limits/{tier}/{subject}", operation_id = "limits_set", tag = "limits",
    params(("tier" = String, Path, description = "The tier"),
        ("subject" = String, Path, description = "For whom: key:…, session:…, user:…, or an address")),
    request_body = wire::limits::SetLimit,
    responses((status = 200, body = wire::limits::LimitOverride), (status = "default", body = wire::Problem)))]
pub(crate) async fn set_limit(
    State(state): State<AppState>,
    From(caller): From,
    Path((tier, subject)): Path<(String, String)>,
    Json(set): Json<wire::limits::SetLimit>,
) -> Result<axum::Json<wire::limits::LimitOverride>, Problem> {
    let wanted = OverrideRequest {
        tier: path_parameter("tier", &tier)?,
        subject: path_parameter("subject", &subject)?,
        quota: Quota { per_second: set.per_second, burst: set.burst },
        expires: body_field("/expires", &set.expires)?,
    };
    let set = state.control.set_limit(&caller, wanted).await?;
    Ok(axum::Json(limit_override(&set)))
}

/// Remove an exception from a limit
#[utoipa::path(delete, path = "/limits/{tier}/{subject}", operation_id = "limits_remove", tag = "limits",
    params(("tier" = String, Path, description = "The tier"),
        ("subject" = String, Path, description = "For whom it was set")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_limit(
    State(state): State<AppState>,
    From(caller): From,
    Path((tier, subject)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tier: Tier = path_parameter("tier", &tier)?;
    let subject: Subject = path_parameter("subject", &subject)?;
    state.control.remove_limit(&caller, tier, subject).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn limit_override(set: &Override) -> wire::limits::LimitOverride {
    wire::limits::LimitOverride {
        tier: set.tier.to_string(),
        subject: set.subject.to_string(),
        per_second: set.quota.per_second,
        burst: set.quota.burst,
        expires: set.expires.to_string(),
        created: set.created.to_string(),
    }
}
