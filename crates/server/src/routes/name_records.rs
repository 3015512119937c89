//! What comes before a change of a name: commitments to claims, and drafts for signing; and what was signed.

use axum::extract::State;
use axum::response::Response;
use casemate_api as wire;
use casemate_ledger::SignedNameRecord;
use casemate_model::Name;
use data_encoding::BASE64;
use http::StatusCode;

use super::names::answer;
use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::Path;
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::problem::{Problem, body_field, path_parameter};

/// Draft a change of a name, for signing it
///
/// The answer is the record that would come of it, in its canonical bytes, and the version that it comes after, so that whoever
/// signs sees that nothing else changes. Sign it with the keys that it needs, and hand it in at
/// `/name-records`. It can be handed in for ten minutes, and fits only while the name stands as it does.
#[utoipa::path(post, path = "/names/{name}/draft", operation_id = "names_draft", tag = "names",
    params(("name" = String, Path, description = "The name")),
    request_body = wire::names::DraftName,
    responses((status = 200, body = wire::names::NameDraft), (status = "default", body = wire::Problem)))]
pub(crate) async fn draft_name(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(draft): Json<wire::names::DraftName>,
) -> Result<axum::Json<wire::names::NameDraft>, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let drafted = state.control.draft_name(&caller, &name, &convert::order_of(&draft)?).await?;
    Ok(axum::Json(wire::names::NameDraft {
        record: BASE64.encode(&drafted.record.encode()),
        former: drafted.former.map(|former| BASE64.encode(&former.encode())),
    }))
}

/// Commit to a name before claiming it
///
/// The commitment hides the name: SHA-256 of the lines `casemate name commitment v1`, the project, the name and a nonce of 64
/// hexadecimal digits, each ended by a line feed. Ten seconds later, and for a day, the claim reveals it by its nonce.
#[utoipa::path(post, path = "/name-commitments", operation_id = "names_commit", tag = "names", params(IdempotencyParams),
    request_body = wire::names::CommitName,
    responses((status = 201, body = wire::names::NameCommitment), (status = "default", body = wire::Problem)))]
pub(crate) async fn commit_name(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::names::CommitName>,
) -> Result<(StatusCode, axum::Json<wire::names::NameCommitment>), Problem> {
    let commitment = body_field("/commitment", &body.commitment)?;
    let made = state.control.commit_name(&caller, commitment).await?;
    let commitment = wire::names::NameCommitment {
        commitment: commitment.to_string(),
        made: made.to_string(),
        from: made.saturating_add(casemate_names::COMMITMENT_AGE_MIN).to_string(),
        until: made.saturating_add(casemate_names::COMMITMENT_AGE_MAX).to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(commitment)))
}

/// Hand in a signed record of a name
///
/// It is carried out if it is what comes next, and if those signed it who have to.
#[utoipa::path(post, path = "/name-records", operation_id = "names_sign", tag = "names", params(IdempotencyParams),
    request_body = wire::names::NameRecord,
    responses((status = 200, body = wire::names::Name), (status = "default", body = wire::Problem)))]
pub(crate) async fn sign_name(
    State(state): State<AppState>,
    From(caller): From,
    Json(body): Json<wire::names::NameRecord>,
) -> Result<Response, Problem> {
    let bytes = BASE64.decode(body.record.as_bytes());
    let bytes = bytes.map_err(|_| Problem::field("/record", "is not base64".to_owned()))?;
    let signed = SignedNameRecord::decode(&bytes);
    let signed = signed.map_err(|error| Problem::field("/record", error.to_string()))?;
    let nonce = body.nonce.as_deref().map(|nonce| body_field("/nonce", nonce)).transpose()?;
    Ok(answer(StatusCode::OK, &state.control.take_name_record(&caller, &signed, nonce).await?))
}
