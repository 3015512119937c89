//! The two ways in which an answer leaves: through the routes, and from hyper itself, which refuses what is no HTTP
//! before anybody is asked. Both carry the headers that protect browsers.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, Request};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::ServiceExt;

use crate::functions::OfFunction;
use crate::layers::SecurityHeaders;
use crate::problem::Problem;

/// What answers on an address.
#[derive(Clone)]
pub(crate) struct Face {
    pub(crate) router: Router,
    pub(crate) headers: SecurityHeaders,
}

impl Face {
    /// Answers a request, whatever happens on the way.
    pub(super) async fn answer(self, request: Request<Body>) -> Response {
        // What routes panic about is caught further in; this is for what is around them.
        let answered = AssertUnwindSafe(self.router.oneshot(request)).catch_unwind().await;
        let mut response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => Problem::internal().into_response(),
        };
        if response.extensions().get::<OfFunction>().is_some() {
            self.headers.set_on_function(response.headers_mut());
        } else {
            self.headers.set(response.headers_mut());
        }
        response
    }
}

/// Whose bytes are written on a connection: those of an answer from the routes, or hyper's own.
///
/// ```text
///   Idle ── a request is handed on ──> Answering ── its body ends ──> Ended ── all is flushed ──> Idle
/// ```
///
/// In `Idle` nothing of an answer is left in any buffer, so that what is written then cannot be anybody's content.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<AtomicU8>);

impl Turn {
    const IDLE: u8 = 0;
    const ANSWERING: u8 = 1;
    const ENDED: u8 = 2;

    /// A request is handed on; the turn ends with the body of its answer.
    pub(super) fn begin(&self) {
        self.0.store(Self::ANSWERING, Ordering::Release);
    }

    /// Has the turn end with the answer's body.
    pub(super) fn until_end_of(self, response: Response) -> Response {
        response.map(|body| Body::new(Answer { body, turn: self }))
    }

    fn flushed(&self) {
        // Only from `Ended`; a flush in the middle of an answer ends nothing.
        let _ = self.0.compare_exchange(Self::ENDED, Self::IDLE, Ordering::AcqRel, Ordering::Acquire);
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::IDLE
    }
}

/// The body of an answer from the routes.
struct Answer {
    body: Body,
    turn: Turn,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.turn.0.store(Turn::ENDED, Ordering::Release);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection on which hyper's own refusals get their headers.
pub(super) struct Connection<S> {
    stream: S,
    headers: SecurityHeaders,
    pub(super) turn: Turn,
    /// What is left to be written of a refusal.
    refusal: Vec<u8>,
}

impl<S> Connection<S> {
    pub(super) fn new(stream: S, headers: SecurityHeaders) -> Self {
        Self { stream, headers, turn: Turn::default(), refusal: Vec::new() }
    }

    /// The refusal with its headers, if `bytes` are one.
    fn amended(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if !self.turn.is_idle() || !bytes.starts_with(b"HTTP/1.") {
            return None;
        }
        let mut amended = bytes.strip_suffix(b"\r\n")?.to_vec();
        let mut headers = HeaderMap::new();
        self.headers.set(&mut headers);
        for (name, value) in &headers {
            amended.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        amended.extend(b"\r\n");
        Some(amended)
    }
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.refusal))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.refusal.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_refusal(context))?;
        if let Some(amended) = self.amended(bytes) {
            self.refusal = amended;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.turn.is_idle() {
            return Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        self.poll_write(context, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
