use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use casemate_model::RequestId;
use http::StatusCode;
use metrics::{Counter, Histogram, Label};
use tokio::time::Instant;

/// The series of answers that were counted so far. To find them by their labels each time would cost more than to count.
#[derive(Default)]
pub(crate) struct Measures {
    by_route: RwLock<HashMap<Box<str>, OfRoute>>,
}

/// Those of one route, of which there are few.
type OfRoute = Vec<(Kind, Arc<Series>)>;

/// What tells answers of one route apart.
type Kind = (&'static str, StatusCode);

/// What an answer is counted in, under its names and those that they had before.
struct Series {
    durations: [Histogram; 2],
    requests: [Counter; 2],
    errors: Option<[Counter; 2]>,
}

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
    pub(super) fn end(self, measures: &Measures, id: RequestId, response: &Response) {
        let seconds = self.began.elapsed().as_secs_f64();
        let (method, status) = (self.method, response.status());
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        measures.of(route, (method, status)).count(seconds);
        tracing::debug!(request = %id, method, route, status = status.as_u16(), seconds, "answered");
    }
}

impl Measures {
    fn of(&self, route: &str, kind: Kind) -> Arc<Series> {
        let find = |of_route: &OfRoute| {
            of_route.iter().find(|(other, _)| *other == kind).map(|(_, series)| Arc::clone(series))
        };
        let known = self.by_route.read().expect("nothing panics while it holds the lock");
        if let Some(series) = known.get(route).and_then(find) {
            return series;
        }
        drop(known);
        let mut known = self.by_route.write().expect("nothing panics while it holds the lock");
        let of_route = known.entry(route.into()).or_default();
        find(of_route).unwrap_or_else(|| {
            let series = Arc::new(Series::of(route, kind));
            of_route.push((kind, Arc::clone(&series)));
            series
        })
    }
}

impl Series {
    fn of(route: &str, (method, status): Kind) -> Self {
        let labels = vec![
            Label::from_static_parts("method", method),
            Label::new("route", Arc::<str>::from(route)),
            Label::new("status", status.as_str().to_owned()),
        ];
        let failed = status.is_server_error();
        Self {
            durations: [
                metrics::histogram!("http_request_duration_seconds", labels[..2].to_vec()),
                metrics::histogram!("http_request_duration", labels[..2].to_vec()),
            ],
            errors: failed.then(|| {
                [
                    metrics::counter!("http_errors_total", labels.clone()),
                    metrics::counter!("http_errors", labels.clone()),
                ]
            }),
            requests: [
                metrics::counter!("http_requests_total", labels.clone()),
                metrics::counter!("http_request_count", labels),
            ],
        }
    }

    fn count(&self, seconds: f64) {
        for durations in &self.durations {
            durations.record(seconds);
        }
        for counter in self.errors.iter().flatten().chain(&self.requests) {
            counter.increment(1);
        }
    }
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
