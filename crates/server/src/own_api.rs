//! The node's own API as functions reach it, at `http://casemate.internal/api/v1/`: only the routes that may be granted, and
//! behind them the same use cases, permissions and audit as for everybody.

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use bytes::Bytes;
use casemate_control::{Caller, FUNCTION_FETCH_BYTES_MAX, OutboundError, OwnApi};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;

use crate::app::AppState;
use crate::client_address::ClientAddress;
use crate::problem::Problem;
use crate::{layers, routes};

pub(crate) struct Own(pub(crate) AppState);

#[async_trait]
impl OwnApi for Own {
    async fn answer(
        &self,
        caller: Caller,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, OutboundError> {
        let id = caller.request;
        let mut request = request.map(Body::from);
        // The body has the length that it has, whatever the guest says.
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddress(caller.address));
        extensions.insert(id);
        extensions.insert(caller);
        let answered = self.router().oneshot(request).await.unwrap_or_else(|never| match never {});
        let mut answered = answered.map(Body::new);
        layers::say_request_id(id, &mut answered);
        let (parts, body) = answered.into_parts();
        let body = Limited::new(body, FUNCTION_FETCH_BYTES_MAX).collect().await;
        let body = body.map_err(|error| {
            let too_large = error.is::<http_body_util::LengthLimitError>();
            if too_large { OutboundError::TooLarge } else { OutboundError::Broken }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

impl Own {
    fn router(&self) -> Router {
        Router::new()
            .nest("/api/v1", routes::for_functions())
            .fallback(async || Problem::not_grantable())
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(from_fn_with_state(self.0.clone(), layers::hold_contract))
            .layer(from_fn_with_state(self.0.clone(), layers::charge_maker))
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| Problem::internal().into_response()))
            .with_state(self.0.clone())
    }
}
