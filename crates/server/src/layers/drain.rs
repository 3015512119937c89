use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

/// Most bytes of a refused body that are read and thrown away.
const BYTES_MAX: u64 = 32 << 20;

/// Most time that goes into it.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Answers a request, and reads what is left of a refused one's body before the refusal is sent. Many clients look for an answer only
/// when they have sent everything, and a connection that is closed with bytes unread is reset, answer and all. Who
/// sends `Expect: 100-continue` waits for the answer anyway.
pub(super) async fn run(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let mut shared = Shared(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(parts, Body::new(shared.clone()))).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        // A client that is slow or sends too much is left to its fate.
        drop(tokio::time::timeout(TIME_MAX, discard(&mut shared)).await);
    }
    response
}

async fn discard(body: &mut Shared) {
    let mut left = BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(bytes) else { return };
        left = rest;
    }
}

/// A body that the layer can go on reading when the handler has dropped its end.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn with<T>(&self, f: impl FnOnce(&mut Body) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
