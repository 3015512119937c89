use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use casemate_api::Problem;
use casemate_model::RequestId;
use http::{HeaderName, HeaderValue, header};

use crate::app::AppState;

/// The header that names a request in answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request an id of ours, whatever the client sent.
pub(super) fn assign(state: &AppState, request: &mut Request) -> RequestId {
    let id = RequestId::generate(state.control.now(), state.control.entropy());
    request.extensions_mut().insert(id);
    id
}

/// Says the id in the answer, also inside a problem.
pub(crate) fn say(id: RequestId, response: &mut Response) {
    let text = id.to_string();
    response.headers_mut().insert(REQUEST_ID, HeaderValue::try_from(&text).expect("ids are ASCII"));
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (_, body) = problem.with_request(text).into_parts();
        let media_type = HeaderValue::from_static(Problem::MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
    }
}
