use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use casemate_model::RequestId;
use tokio::time::Instant;

/// Counts and times each request, and logs it in one line. The label is the route's template, never the path that
/// was sent, so that clients cannot make up new series.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let id = request.extensions().get::<RequestId>().copied();
    let method = method_label(request.method());
    let began = Instant::now();
    let response = next.run(request).await;
    let seconds = began.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    let labels = [("method", method.to_owned()), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("http_request_count", &labels).increment(1);
    metrics::histogram!("http_request_duration", &labels[..2]).record(seconds);
    if status >= 500 {
        metrics::counter!("http_errors", &labels).increment(1);
    }
    let request = id.map(|id| id.to_string());
    tracing::debug!(request, method, route, status, seconds, "answered");
    response
}

/// Methods that nobody uses share a label, as clients may send any word.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
