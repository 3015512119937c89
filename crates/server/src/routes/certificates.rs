use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use http::{StatusCode, header};

use crate::app::AppState;
use crate::caller::From;
use crate::json::Json;
use crate::problem::Problem;

/// Get a certificate for the API key in use
///
/// With it the listener of mutual TLS knows the caller as the holder of the key, as long as the key is good.
#[utoipa::path(post, path = "/certificates", operation_id = "certificates_issue", tag = "keys",
    request_body = wire::certificates::RequestCertificate,
    responses((status = 201, body = wire::certificates::Certificate), (status = "default", body = wire::Problem)))]
pub(crate) async fn issue_certificate(
    State(state): State<AppState>,
    From(caller): From,
    Json(wanted): Json<wire::certificates::RequestCertificate>,
) -> Result<Response, Problem> {
    let issued = state.control.issue_certificate(&caller, &wanted.request).await?;
    let certificate = wire::certificates::Certificate {
        certificate: issued.pem,
        roots: state.control.certificate_roots(&caller).await?,
        expires: issued.expires.to_string(),
        renew_after: issued.renew_after.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(certificate)).into_response())
}

/// Read the roots by which to check the listener of mutual TLS
#[utoipa::path(get, path = "/certificates/roots", operation_id = "certificates_roots", tag = "keys",
    responses((status = 200, body = String, content_type = "application/x-pem-file"), (status = "default", body = wire::Problem)))]
pub(crate) async fn certificate_roots(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<Response, Problem> {
    let roots = state.control.certificate_roots(&caller).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], roots).into_response())
}
