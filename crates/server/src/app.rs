use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use casemate_control::Control;
use casemate_dns::Dns;
use casemate_limits::{JsonBudget, Places};
use casemate_model::PrincipalKind;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::client_address::TrustedProxies;
use crate::contract::Contract;
use crate::layers::{Measures, Origin, SecurityHeaders};
use crate::listen::{self, Face, Listeners};
use crate::problem::Problem;
use crate::s3::S3Domain;
use crate::{console, dns_query, functions, layers, metrics_listener, routes, s3};

/// Most transfers of content at once. Each may keep up to three threads of the blocking pool, which must have more than that.
pub const TRANSFERS_MAX: usize = 256;

/// Streams of events that one caller may have open: a few consoles and programs.
const STREAMS_OF_ONE_MAX: usize = 16;

/// Streams that all callers may have open together; each holds a connection and a place in the feed.
const STREAMS_MAX: usize = 1_024;

/// What an operator decides about the face.
#[derive(Clone)]
pub struct Settings {
    /// The proxies that are believed when they say for whom they ask.
    pub trusted_proxies: TrustedProxies,
    /// The domain before which the host of a request may name a bucket.
    pub s3_domain: Option<S3Domain>,
    /// The uid whose processes are the operator's: the node's own.
    pub own_uid: u32,
    /// The console's address, as login links spell it.
    pub console_url: String,
    /// What a JSON body may hold.
    pub json_budget: JsonBudget,
    /// Origins whose pages may use the API with a key.
    pub cors_origins: Vec<Origin>,
    /// Whether the listeners speak TLS.
    pub encrypted: bool,
    /// The longest that a request may wait for a task to end.
    pub task_wait_max: Duration,
    /// Names over DNS, for those who ask by HTTP.
    pub dns: Option<Dns>,
}

/// The server of one node.
pub struct Server {
    api: Face,
    s3: Face,
    metrics: Face,
}

/// What routes and layers share. Every layer and handler has its own copy for each request, so a copy is one count.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Shared>);

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

pub(crate) struct Shared {
    pub(crate) control: Control,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) own_uid: u32,
    pub(crate) console_url: String,
    pub(crate) contract: Contract,
    pub(crate) json_budget: JsonBudget,
    pub(crate) cors_origins: Vec<Origin>,
    /// Whether requests from outside come over TLS.
    pub(crate) encrypted: bool,
    pub(crate) task_wait_max: Duration,
    pub(crate) dns: Option<Dns>,
    pub(crate) prometheus: PrometheusHandle,
    pub(crate) measures: Measures,
    /// Who follows the feed of events.
    pub(crate) followers: Places<PrincipalKind>,
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
        let state = Shared {
            control,
            trusted_proxies: settings.trusted_proxies,
            own_uid: settings.own_uid,
            console_url: settings.console_url,
            contract: Contract::of(&routes::api().1),
            json_budget: settings.json_budget,
            cors_origins: settings.cors_origins,
            encrypted: settings.encrypted,
            task_wait_max: settings.task_wait_max,
            dns: settings.dns,
            prometheus,
            measures: Measures::default(),
            followers: Places::new(STREAMS_OF_ONE_MAX, STREAMS_MAX),
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            stopping,
        };
        let state = AppState(Arc::new(state));
        let face =
            |router, s3| Face { router, headers: SecurityHeaders { s3, encrypted: settings.encrypted } };
        Self {
            s3: face(s3::router(state.clone(), settings.s3_domain.as_ref()), true),
            metrics: face(metrics_listener::router(state.clone()), false),
            api: face(Router::new().fallback_service(functions::ByHost(router(state))), false),
        }
    }

    /// Serves until `stop`, then lets running requests end; returns how many did not in time.
    pub async fn serve(self, mut listeners: Listeners, stop: CancellationToken) -> usize {
        let metrics = metrics_listener::serve(listeners.metrics.take(), self.metrics, stop.clone());
        tokio::join!(listen::serve(listeners, (self.api, self.s3), stop), metrics).0
    }
}

/// Routes inside, layers around them; the layer added last meets a request first.
fn router(state: AppState) -> Router {
    let (api, _document) = routes::api();
    Router::new()
        .nest("/api/v1", api)
        .route("/metrics", get(routes::metrics))
        .route("/dns-query", get(dns_query::get).post(dns_query::post))
        .route("/fn/{name}", any(functions::answer))
        .route("/fn/{name}/", any(functions::answer))
        .route("/fn/{name}/{*path}", any(functions::answer))
        .route("/", get(console::index))
        .route("/{*path}", get(console::file))
        .fallback(async || Problem::route_not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(state.clone(), layers::hold_contract))
        .layer(CatchPanicLayer::custom(|_| axum::response::IntoResponse::into_response(Problem::internal())))
        .layer(from_fn_with_state(state.clone(), layers::around))
        .with_state(state)
}
