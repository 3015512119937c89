use std::io;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::timeout;

use super::activity::Activity;
use super::transport::IDLE_TIMEOUT;
use crate::ClientError;

/// The body of a request.
pub(super) type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

pub(super) fn empty() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn full(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// What is uploaded: a stream of bytes that is read as fast as the node takes it.
pub struct Upload {
    length: Option<u64>,
    stream: futures_util::stream::BoxStream<'static, io::Result<Bytes>>,
}

impl Upload {
    /// Uploads `stream`. If `length` is given, exactly as many bytes must come.
    pub fn stream(
        length: Option<u64>,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self { length, stream: stream.boxed() }
    }

    /// Uploads bytes that are in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = Some(bytes.len() as u64);
        Self { length, stream: futures_util::stream::once(async { Ok(bytes) }).boxed() }
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The body, which tells `activity` what happens to it.
    pub(super) fn into_body(self, activity: Arc<Activity>) -> RequestBody {
        let mut stream = self.stream;
        let watched = futures_util::stream::poll_fn(move |context| {
            let polled = stream.poll_next_unpin(context);
            match polled {
                Poll::Pending => {
                    activity.source_waits();
                    Poll::Pending
                }
                Poll::Ready(None) => {
                    activity.moved();
                    Poll::Ready(None)
                }
                Poll::Ready(Some(Ok(bytes))) => {
                    activity.moved();
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
                Poll::Ready(Some(Err(error))) => {
                    let kind = error.kind();
                    activity.failed(error);
                    Poll::Ready(Some(Err(io::Error::from(kind))))
                }
            }
        });
        StreamBody::new(watched).boxed_unsync()
    }
}

/// Content on its way from the node, to be read piece by piece.
pub struct Download {
    /// The size of the content, if the node announced it.
    pub length: Option<u64>,
    /// The digest that the content should have, if the node announced it. Whoever keeps the content checks it.
    pub digest: Option<String>,
    address: String,
    body: Incoming,
}

impl Download {
    pub(super) fn new(address: &str, headers: &HeaderMap, body: Incoming) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let tag = text(header::ETAG).map(|tag| tag.trim_matches('"').to_owned());
        Self {
            length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            digest: tag.filter(|tag| tag.starts_with("sha256:")),
            address: address.to_owned(),
            body,
        }
    }

    /// The next piece; `None` at the end. An end before the announced length is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = match timeout(IDLE_TIMEOUT, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(source))) => {
                    return Err(ClientError::Broken { address: self.address.clone(), source });
                }
                Ok(None) => return Ok(None),
                Err(_) => {
                    return Err(ClientError::TimedOut { address: self.address.clone(), after: IDLE_TIMEOUT });
                }
            };
            // Trailers may come too; nothing here sends any.
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}
