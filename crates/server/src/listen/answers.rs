//! The two ways in which an answer leaves: through the routes, and from hyper itself, which refuses what is no HTTP
//! before anybody is asked. Both carry the headers that protect browsers.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::ServiceExt;

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
        self.headers.set(response.headers_mut());
        response
    }
}

/// A connection on which hyper's own refusal of the first request gets its headers. Later ones do not: they could not be
/// told from content for certain, and end the connection without a body.
pub(super) struct Connection<S> {
    stream: S,
    headers: SecurityHeaders,
    /// Set once a request was understood.
    pub(super) asked: Arc<AtomicBool>,
    /// What is left to be written of a refusal.
    refusal: Vec<u8>,
}

impl<S> Connection<S> {
    pub(super) fn new(stream: S, headers: SecurityHeaders) -> Self {
        Self { stream, headers, asked: Arc::default(), refusal: Vec::new() }
    }

    /// The refusal with its headers, if `bytes` are one.
    fn amended(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.asked.load(Ordering::Acquire) || !bytes.starts_with(b"HTTP/1.") {
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
        if self.asked.load(Ordering::Acquire) {
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
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
