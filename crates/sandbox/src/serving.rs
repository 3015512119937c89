use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::mpsc::UnboundedSender;

/// What makes a run answer an HTTP request: the guest is a component of the world `wasi:http/proxy`, the job's standard
/// input is the request's body, and both of its output streams are its log.
pub struct Serving {
    /// The request without its body. Its URI is whole: scheme, authority, path and query.
    pub request: Request<()>,
    /// Takes the answer piece by piece while the guest runs, at most as much as the run's limit of output.
    pub answer: UnboundedSender<Answer>,
    /// Sends what the guest asks others for.
    pub outbound: std::sync::Arc<dyn Outbound>,
}

/// A piece of a guest's answer.
#[derive(Debug)]
pub enum Answer {
    /// Status and headers, once and first.
    Head(Response<()>),
    /// Some of the body.
    Body(Bytes),
}

/// Sends requests of guests to others. It decides where to: a guest has no network of its own.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    /// Sends one request, whose URI is whole, and reads the answer to its end.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError>;
}

/// Why a guest's request was not answered. The guest learns no more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum OutboundError {
    /// The guest may not ask this host.
    #[error("the host is none that was declared")]
    Denied,
    /// The host is at an address that nothing is sent to.
    #[error("the host is at an address that nothing is sent to")]
    Prohibited,
    /// The name has no address.
    #[error("the host's name has no address")]
    Unresolved,
    /// No connection came about.
    #[error("no connection came about")]
    Unreachable,
    /// The certificate is not good for the name.
    #[error("the host's certificate is not trusted")]
    NotTrusted,
    /// Time was up.
    #[error("the host did not answer in time")]
    TimedOut,
    /// The request or the answer is larger than it may be, or there are too many of them.
    #[error("the request or its answer is more than is allowed")]
    TooLarge,
    /// What came was no HTTP, or ended too early.
    #[error("the connection ended, or what came was no HTTP")]
    Broken,
}

/// For guests that get no answers from anywhere.
pub struct NoOutbound;

#[async_trait]
impl Outbound for NoOutbound {
    async fn send(&self, _request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        Err(OutboundError::Denied)
    }
}
