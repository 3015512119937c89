//! Metrics on an address of their own, for a scraper that has no key. Whoever reaches it may read them.

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use casemate_limits::Gate;
use http::header;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::AppState;
use crate::layers;
use crate::listen::{Face, Peer, pause, talk};
use crate::problem::Problem;

/// Most scrapers at once.
const SCRAPERS_MAX: usize = 64;

/// The one route.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .fallback(async || Problem::route_not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(state.clone(), layers::around_metrics))
        .with_state(state)
}

/// Serves metrics until `stop`; without a listener, does nothing until then.
pub(crate) async fn serve(listener: Option<TcpListener>, face: Face, stop: CancellationToken) {
    let Some(listener) = listener else { return };
    let (gate, graceful) = (Gate::new(SCRAPERS_MAX), GracefulShutdown::new());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => match gate.enter() {
                    Some(place) => {
                        let peer = Peer::Remote(address);
                        tokio::spawn(talk(stream, peer, face.clone(), place, graceful.watcher()));
                    }
                    None => metrics::counter!("casemate_connections_refused_total").increment(1),
                },
                Err(error) => pause(&error).await,
            },
        }
    }
}

/// Answers the metrics in the text format of Prometheus.
pub(crate) async fn render(State(state): State<AppState>) -> impl IntoResponse {
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, media_type)], state.prometheus.render())
}
