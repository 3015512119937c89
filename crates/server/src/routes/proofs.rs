use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_model::{Digest, TaskId};
use casemate_proofs::{CheckedProof, VerificationKey};
use data_encoding::BASE64;
use http::StatusCode;

use crate::app::AppState;
use crate::caller::From;
use crate::extract::Path;
use crate::json::Json;
use crate::problem::{Problem, body_field, path_parameter};

/// Register a key that proofs are checked with
///
/// Whoever made the key can prove anything under it, so it is for administrators to say which are believed. A key that is registered
/// stays as it is.
#[utoipa::path(post, path = "/verification-keys", operation_id = "proofs_add_key", tag = "proofs",
    request_body = wire::proofs::AddVerificationKey,
    responses((status = 201, body = wire::proofs::VerificationKey), (status = "default", body = wire::Problem)))]
pub(crate) async fn add_key(
    State(state): State<AppState>,
    From(caller): From,
    Json(add): Json<wire::proofs::AddVerificationKey>,
) -> Result<Response, Problem> {
    let system = body_field("/system", &add.system)?;
    let bytes = base64("/key", &add.key)?;
    let made = state.control.add_verification_key(&caller, (system, add.label), bytes).await?;
    Ok((StatusCode::CREATED, axum::Json(key(&made))).into_response())
}

/// List keys that proofs are checked with
#[utoipa::path(get, path = "/verification-keys", operation_id = "proofs_list_keys", tag = "proofs",
    responses((status = 200, body = wire::proofs::VerificationKeys), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_keys(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::proofs::VerificationKeys>, Problem> {
    let found = state.control.list_verification_keys(&caller).await?;
    Ok(axum::Json(wire::proofs::VerificationKeys { items: found.iter().map(key).collect() }))
}

/// Remove a key that proofs are checked with
///
/// What came of proofs under it stays.
#[utoipa::path(delete, path = "/verification-keys/{id}", operation_id = "proofs_remove_key", tag = "proofs",
    params(("id" = String, Path, description = "The key's digest")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_key(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let digest: Digest = path_parameter("id", &id)?;
    state.control.remove_verification_key(&caller, digest).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show what a proof of a task must be of
#[utoipa::path(get, path = "/tasks/{id}/statement", operation_id = "proofs_statement", tag = "proofs",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = wire::proofs::ProofStatement), (status = "default", body = wire::Problem)))]
pub(crate) async fn statement(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::proofs::ProofStatement>, Problem> {
    let task: TaskId = path_parameter("id", &id)?;
    let statement = state.control.task_statement(&caller, task).await?;
    Ok(axum::Json(wire::proofs::ProofStatement {
        task_id: task.to_string(),
        statement: statement.text().to_owned(),
        digest: statement.digest().to_string(),
        public_inputs: statement.public_inputs().iter().map(ToString::to_string).collect(),
    }))
}

/// Check a proof of a task
///
/// Under a key that is registered, and of what the task's receipt says: task, module, inputs and outputs. The verdict is kept. The
/// same proof handed in again is what it was, and for another task it is refused.
#[utoipa::path(post, path = "/proofs/verify", operation_id = "proofs_verify", tag = "proofs",
    request_body = wire::proofs::VerifyProof,
    responses((status = 200, body = wire::proofs::ProofVerdict), (status = "default", body = wire::Problem)))]
pub(crate) async fn verify_proof(
    State(state): State<AppState>,
    From(caller): From,
    Json(verify): Json<wire::proofs::VerifyProof>,
) -> Result<axum::Json<wire::proofs::ProofVerdict>, Problem> {
    let task = body_field("/task_id", &verify.task_id)?;
    let key = body_field("/circuit_id", &verify.circuit_id)?;
    let inputs = verify.public_inputs.as_deref().map(public_inputs).transpose()?;
    let proof = base64("/proof_data", &verify.proof_data)?;
    let verdict = state.control.verify_proof(&caller, (task, key), inputs, proof).await?;
    Ok(axum::Json(wire::proofs::ProofVerdict {
        checked: checked(&verdict.proof),
        verification_time_ms: u64::try_from(verdict.took.as_millis()).unwrap_or(u64::MAX),
        error_message: verdict.complaint,
    }))
}

/// List what came of proofs of a task
#[utoipa::path(get, path = "/tasks/{id}/proofs", operation_id = "proofs_list", tag = "proofs",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, body = wire::proofs::CheckedProofs), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_proofs(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::proofs::CheckedProofs>, Problem> {
    let found = state.control.list_proofs(&caller, path_parameter("id", &id)?).await?;
    Ok(axum::Json(wire::proofs::CheckedProofs { items: found.iter().map(checked).collect() }))
}

fn base64(pointer: &str, text: &str) -> Result<Vec<u8>, Problem> {
    BASE64.decode(text.as_bytes()).map_err(|error| Problem::field(pointer, format!("is no Base64: {error}")))
}

fn public_inputs(texts: &[String]) -> Result<[u128; 2], Problem> {
    let numbers = texts.iter().map(|text| text.parse::<u128>());
    let numbers: Option<Vec<u128>> = numbers.collect::<Result<_, _>>().ok();
    let numbers = numbers.and_then(|numbers| <[u128; 2]>::try_from(numbers).ok());
    numbers.ok_or_else(|| {
        Problem::field("/public_inputs", "must be two numbers of at most 128 bits, in decimal")
    })
}

fn key(key: &VerificationKey) -> wire::proofs::VerificationKey {
    wire::proofs::VerificationKey {
        circuit_id: key.digest.to_string(),
        system: key.system.to_string(),
        label: key.label.clone(),
        actor: key.actor.clone(),
        created: key.created.to_string(),
    }
}

fn checked(proof: &CheckedProof) -> wire::proofs::CheckedProof {
    wire::proofs::CheckedProof {
        proof: proof.digest.to_string(),
        task_id: proof.task.to_string(),
        circuit_id: proof.key.to_string(),
        statement: proof.statement.to_string(),
        valid: proof.valid,
        actor: proof.actor.clone(),
        verified_at: proof.checked.to_string(),
    }
}
