//! One request to one receiver, without trust in it: an address that was checked is connected to and no other, nothing is
//! followed, little is read, and everything has an end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casemate_egress::{DialError, Dialer, exchange};
use casemate_model::Clock;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{Endpoint, retry_after};

/// How long an attempt may take altogether, from the name to the end of the answer: what the specification recommends.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Most bytes of an answer's body that are read, only so that its sender can end in peace. None is kept.
const BODY_BYTES_MAX: usize = 16 << 10;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends deliveries.
pub struct Sender {
    dialer: Dialer,
    clock: Arc<dyn Clock>,
}

/// What a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long it wants to be left in peace.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer. The texts are shown to whoever made the webhook, so they say nothing of the node's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The name has no address.
    #[error("the host's name has no address")]
    Unresolved,
    /// Some address of the host is one that nothing may be sent to.
    #[error("the host is at an address that webhooks may not be sent to")]
    Refused,
    /// The endpoint is of plain HTTP, and not in a network where that is allowed.
    #[error("webhooks are sent to https addresses only")]
    Plain,
    /// No connection came about.
    #[error("no connection to the receiver came about")]
    Unreachable,
    /// The receiver's certificate is not good for its name.
    #[error("the receiver's certificate is not trusted")]
    NotTrusted,
    /// The connection ended before an answer, or what came was no HTTP.
    #[error("the receiver closed the connection or did not answer in HTTP")]
    Broken,
    /// Time was up.
    #[error("the receiver did not answer within {} seconds", ATTEMPT_TIMEOUT.as_secs())]
    TimedOut,
    /// The node does not know the secret any more.
    #[error("the webhook's secret is not known any more: rotate it")]
    NoSecret,
}

impl From<DialError> for SendError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Unresolved => Self::Unresolved,
            DialError::Refused => Self::Refused,
            DialError::Plain => Self::Plain,
            DialError::Unreachable => Self::Unreachable,
            DialError::NotTrusted => Self::NotTrusted,
            DialError::Broken => Self::Broken,
        }
    }
}

impl Answer {
    /// Whether the receiver has taken what was sent.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Sender {
    /// A sender that goes where `dialer` does.
    pub fn new(dialer: Dialer, clock: Arc<dyn Clock>) -> Self {
        Self { dialer, clock }
    }

    /// Tells whether an endpoint could be sent to as far as its text goes: names are looked up only to send.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), SendError> {
        Ok(self.dialer.check(endpoint.host(), endpoint.encrypted())?)
    }

    /// Sends a body under its id, the second of the attempt and the signature over all three.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        headers: [String; 3],
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        timeout(ATTEMPT_TIMEOUT, self.attempt(endpoint, headers, body))
            .await
            .unwrap_or(Err(SendError::TimedOut))
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        headers: [String; 3],
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        let request = request(endpoint, headers, body)?;
        let (host, port, encrypted) = (endpoint.host(), endpoint.port(), endpoint.encrypted());
        let stream = self.dialer.connect(host, port, encrypted).await?;
        self.read(exchange(stream, request).await?).await
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, SendError> {
        let status = response.status().as_u16();
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let answer =
            Answer { status, retry_after: wait.and_then(|text| retry_after(text, self.clock.now())) };
        let mut body = response.into_body();
        let mut read = 0;
        // What the answer says beyond its head decides nothing, so neither does how it ends.
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > BODY_BYTES_MAX {
                break;
            }
        }
        Ok(answer)
    }
}

fn request(
    endpoint: &Endpoint,
    headers: [String; 3],
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, SendError> {
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.path().parse().map_err(|_| SendError::Broken)?;
    let all = request.headers_mut();
    let value = |text: &str| HeaderValue::try_from(text).map_err(|_| SendError::Broken);
    all.insert(header::HOST, value(&endpoint.authority())?);
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    all.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("casemate-webhooks/", env!("CARGO_PKG_VERSION"))),
    );
    all.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let [id, timestamp, signature] = headers;
    all.insert(WEBHOOK_ID, value(&id)?);
    all.insert(WEBHOOK_TIMESTAMP, value(&timestamp)?);
    all.insert(WEBHOOK_SIGNATURE, value(&signature)?);
    Ok(request)
}

#[cfg(test)]
mod tests;
