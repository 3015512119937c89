use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use casemate_api::Problem;
use casemate_model::RequestId;
use http::{HeaderName, HeaderValue, header};

use crate::app::AppState;

/// The header that names a request in answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id of ours, whatever the client sent, and says it in the answer, also inside a problem.
pub(crate) async fn request_id(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = RequestId::generate(state.control.now(), state.control.entropy());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (_, body) = problem.with_request(id.to_string()).into_parts();
        let media_type = HeaderValue::from_static(Problem::MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
    }
    let value = HeaderValue::try_from(id.to_string()).expect("ids are ASCII");
    response.headers_mut().insert(REQUEST_ID, value);
    response
}
