use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use casemate_model::RequestId;
use metrics::Label;
use tokio::time::Instant;

/// A request that is being answered.
pub(super) struct Measure {
    route: Option<MatchedPath>,
    method: &'static str,
    began: Instant,
}

/// Begins to count and time a request.
pub(super) fn begin(request: &Request) -> Measure {
    Measure {
        route: request.extensions().get::<MatchedPath>().cloned(),
        method: method_label(request.method()),
        began: Instant::now(),
    }
}

impl Measure {
    /// Counts the request, and logs it in one line. The label is the route's template, never the path that was sent, so
    /// that clients cannot make up new series.
    pub(super) fn end(self, id: RequestId, response: &Response) {
        let seconds = self.began.elapsed().as_secs_f64();
        let (method, status) = (self.method, response.status());
        let route: Arc<str> = self.route.as_ref().map_or("unmatched", MatchedPath::as_str).into();
        let labels = [
            Label::from_static_parts("method", method),
            Label::new("route", Arc::clone(&route)),
            Label::new("status", status.as_str().to_owned()),
        ];
        count(&labels, seconds, status.is_server_error());
        tracing::debug!(request = %id, method, route = &*route, status = status.as_u16(), seconds, "answered");
    }
}

/// Counts an answer, under its names and those that they had before.
fn count(labels: &[Label; 3], seconds: f64, failed: bool) {
    metrics::histogram!("http_request_duration_seconds", labels[..2].to_vec()).record(seconds);
    metrics::histogram!("http_request_duration", labels[..2].to_vec()).record(seconds);
    if failed {
        metrics::counter!("http_errors_total", labels.to_vec()).increment(1);
        metrics::counter!("http_errors", labels.to_vec()).increment(1);
    }
    metrics::counter!("http_requests_total", labels.to_vec()).increment(1);
    metrics::counter!("http_request_count", labels.to_vec()).increment(1);
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
