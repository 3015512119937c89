use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::Caller;
use casemate_model::{Principal, RequestId};
use casemate_objects::Version;
use http::{HeaderValue, StatusCode, header};
use secrecy::ExposeSecret;

use crate::app::AppState;
use crate::caller::From;
use crate::client_address::ClientAddress;
use crate::convert;
use crate::extract::Path;
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::problem::{Problem, body_field};
use crate::routes::objects::download;
use crate::routes::versions::version_of;

/// Make a link that opens one version of an object to whoever holds it
#[utoipa::path(post, path = "/shares", operation_id = "shares_create", tag = "objects", params(IdempotencyParams),
    request_body = wire::objects::CreateShare,
    responses((status = 201, body = wire::objects::Share), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_share(
    State(state): State<AppState>,
    From(caller): From,
    Json(wanted): Json<wire::objects::CreateShare>,
) -> Result<Response, Problem> {
    let (bucket, key) = (body_field("/bucket", &wanted.bucket)?, body_field("/key", &wanted.key)?);
    let version = match &wanted.version {
        None => Version::Latest,
        Some(text) => version_of(text).map_err(|error| Problem::field("/version", error.to_string()))?,
    };
    let lifetime = Duration::from_secs(wanted.seconds);
    let share = state.control.share_object(&caller, (&bucket, &key), version, lifetime).await?;
    let answer = wire::objects::Share {
        url: format!("{}/api/v1/shares/{}", state.console_url, share.token.expose_secret()),
        bucket: share.object.bucket.to_string(),
        key: share.object.key.to_string(),
        version: convert::version_text(share.object.version),
        digest: share.object.digest.to_string(),
        expires: share.object.expires.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// Download what a link opens
///
/// The link is the credential: none other is looked at.
#[utoipa::path(get, path = "/shares/{token}", operation_id = "shares_open", tag = "objects",
    params(("token" = String, Path, description = "The link's last part")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn open_share(
    State(state): State<AppState>,
    Extension(request): Extension<RequestId>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let place = state.transfer()?;
    // Whoever follows a link may carry an old cookie of this very address, which must not matter.
    let caller = Caller::new(Principal::anonymous(), request, address);
    let (record, blob) = state.control.open_share(&caller, &token).await?;
    let project = record.project.clone();
    let reader = Caller::new(Principal { project, ..Principal::anonymous() }, request, address);
    let mut response = download((&state.control, &reader), blob, &record.media_type, place);
    let name = record.key.as_str().rsplit('/').find(|part| !part.is_empty()).unwrap_or("download");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(name));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A download under a name, whatever is in it (RFC 6266 and 8187).
fn attachment(name: &str) -> HeaderValue {
    let mut text = "attachment; filename*=UTF-8''".to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::try_from(text).expect("escaped ASCII")
}

#[cfg(test)]
mod tests {
    use super::attachment;

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(attachment("a b\r\n\"ö;.txt"), "attachment; filename*=UTF-8''a%20b%0D%0A%22%C3%B6%3B.txt");
    }
}
