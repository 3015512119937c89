use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use casemate_control::Control;
use casemate_limits::{Quota, TokenBuckets};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::layers::{drain, measure, rate_limit, request_id, security_headers};
use crate::listen::{self, Listeners};
use crate::problem::Problem;
use crate::{console, routes};

/// Networks that the rate limit tells apart; see [`TokenBuckets`] for what happens beyond.
const NETWORKS_MAX: usize = 100_000;

/// Most transfers of content at once. Each may keep a thread of the blocking pool, of which there are 512.
const TRANSFERS_MAX: usize = 256;

/// What an operator decides about the face.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What each client network may ask for.
    pub quota: Quota,
    /// The uid whose processes are the operator's: the node's own.
    pub own_uid: u32,
    /// The console's address, as login links spell it.
    pub console_url: String,
    /// The longest that a request may wait for a task to end.
    pub task_wait_max: Duration,
}

/// The server of one node.
pub struct Server {
    router: Router,
}

/// What routes and layers share.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) control: Control,
    pub(crate) buckets: Arc<TokenBuckets<IpAddr>>,
    pub(crate) own_uid: u32,
    pub(crate) console_url: Arc<str>,
    pub(crate) task_wait_max: Duration,
    pub(crate) prometheus: PrometheusHandle,
    /// A place for each transfer of content under way.
    pub(crate) transfers: Arc<Semaphore>,
    /// Cancelled when the server stops, for answers that would go on forever.
    pub(crate) stopping: CancellationToken,
}

impl AppState {
    /// A place for one transfer of content, or a refusal when all are taken.
    pub(crate) fn transfer(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.transfers).try_acquire_owned().map_err(|_| Problem::too_many_transfers())
    }
}

impl Server {
    /// Joins routes and layers. `stopping` ends endless answers, such as event streams.
    pub fn new(
        control: Control,
        settings: Settings,
        prometheus: PrometheusHandle,
        stopping: CancellationToken,
    ) -> Self {
        let state = AppState {
            control,
            buckets: Arc::new(TokenBuckets::new(settings.quota, NETWORKS_MAX)),
            own_uid: settings.own_uid,
            console_url: settings.console_url.into(),
            task_wait_max: settings.task_wait_max,
            prometheus,
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            stopping,
        };
        Self { router: router(state) }
    }

    /// Serves until `stop`, then lets running requests end; returns how many did not in time.
    pub async fn serve(self, listeners: Listeners, stop: CancellationToken) -> usize {
        listen::serve(listeners, self.router, stop).await
    }
}

/// Routes inside, layers around them; the layer added last meets a request first.
fn router(state: AppState) -> Router {
    let (api, _document) = routes::api();
    Router::new()
        .nest("/api/v1", api)
        .route("/metrics", get(routes::metrics))
        .route("/", get(console::index))
        .route("/{*path}", get(console::file))
        .fallback(async || Problem::route_not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(CatchPanicLayer::custom(|_| axum::response::IntoResponse::into_response(Problem::internal())))
        .layer(from_fn(drain::drain))
        .layer(from_fn_with_state(state.clone(), rate_limit::rate_limit))
        .layer(from_fn(security_headers::security_headers))
        .layer(from_fn(measure::measure))
        .layer(from_fn_with_state(state.clone(), request_id::request_id))
        .with_state(state)
}
