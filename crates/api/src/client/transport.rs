//! Sending one request over one connection, with an end to every wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::activity::Activity;
use super::body::{self, RequestBody};
use super::path::Path;
use super::{BaseUrl, Client, Target, Upload, trust};
use crate::session::PROJECT_HEADER;
use crate::{ClientError, Problem};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the node may take to answer, beyond what it was asked to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a stream may stand still.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Most bytes of an answer that is read as a whole. A page of 200 audit entries of full size is smaller.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Most bytes of an error that are read; the API's own are far shorter.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// Most characters of an error from elsewhere that are shown.
const EXCERPT_CHARS_MAX: usize = 200;

/// A request before it is sent.
#[derive(Clone)]
pub(super) struct Call {
    operation: &'static str,
    method: Method,
    path: Path,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
    wait: Duration,
}

impl Call {
    pub(super) fn new(operation: &'static str, method: Method, path: Path) -> Self {
        Self { operation, method, path, headers: Vec::new(), body: Vec::new(), wait: Duration::ZERO }
    }

    /// Adds a JSON body.
    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).expect("wire types are JSON");
        self.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Waits for `wait` longer for the answer.
    pub(super) fn patient(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Asks the node to wait for up to `wait` before it answers.
    pub(super) fn wait(mut self, wait: Duration) -> Self {
        self.path = self.path.query("wait", &wait.as_secs().to_string());
        self.wait = wait;
        self
    }
}

impl Client {
    /// Sends `call` and reads its answer as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let operation = call.operation;
        let answer = self.whole(call).await?;
        serde_json::from_slice(&answer).map_err(|source| ClientError::BadAnswer { operation, source })
    }

    /// Sends `call` and reads its answer as text.
    pub(super) async fn text(&self, call: Call) -> Result<String, ClientError> {
        let operation = call.operation;
        let answer = self.whole(call).await?;
        String::from_utf8(answer.into()).map_err(|_| ClientError::NotText { operation })
    }

    /// Sends `call` and reads its whole answer.
    pub(super) async fn whole(&self, call: Call) -> Result<Bytes, ClientError> {
        let operation = call.operation;
        let response = self.send(call).await?;
        self.read(operation, response, ANSWER_BYTES_MAX).await
    }

    /// Sends `call`; what it answers is yet to be read.
    pub(super) async fn send(&self, call: Call) -> Result<Response<Incoming>, ClientError> {
        let operation = call.operation;
        let response = self.send_unjudged(call).await?;
        self.judge(operation, response).await
    }

    /// Sends `call` and reads its whole answer, whatever its status.
    pub(super) async fn whole_unjudged(&self, call: Call) -> Result<(StatusCode, Bytes), ClientError> {
        let operation = call.operation;
        let response = self.send_unjudged(call).await?;
        let status = response.status();
        Ok((status, self.read(operation, response, ANSWER_BYTES_MAX).await?))
    }

    async fn send_unjudged(&self, call: Call) -> Result<Response<Incoming>, ClientError> {
        let after = ANSWER_TIMEOUT + call.wait;
        let mut sender = self.connect().await?;
        let body = if call.body.is_empty() { body::empty() } else { body::full(call.body.clone()) };
        let request = self.request(call, body, self.credential().await?)?;
        match timeout(after, sender.send_request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(source)) => Err(ClientError::Broken { address: self.address().to_owned(), source }),
            Err(_) => Err(ClientError::TimedOut { address: self.address().to_owned(), after }),
        }
    }

    /// Sends `call` with `upload` as its body and reads the answer as JSON.
    pub(super) async fn upload<T: DeserializeOwned>(
        &self,
        call: Call,
        upload: Upload,
    ) -> Result<T, ClientError> {
        let operation = call.operation;
        let call = match upload.length() {
            Some(length) => call.header(header::CONTENT_LENGTH, HeaderValue::from(length)),
            None => call,
        };
        let activity = Arc::new(Activity::default());
        let mut sender = self.connect().await?;
        let credential = self.credential().await?;
        let request = self.request(call, upload.into_body(Arc::clone(&activity)), credential)?;
        let sent = tokio::select! {
            sent = sender.send_request(request) => sent,
            () = activity.stalled(IDLE_TIMEOUT) => {
                return Err(ClientError::TimedOut { address: self.address().to_owned(), after: IDLE_TIMEOUT });
            }
        };
        let response = match sent {
            Ok(response) => self.judge(operation, response).await?,
            Err(source) => {
                let address = self.address().to_owned();
                return Err(match activity.take_failure() {
                    Some(source) => ClientError::Source { source },
                    None => ClientError::Broken { address, source },
                });
            }
        };
        let answer = self.read(operation, response, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&answer).map_err(|source| ClientError::BadAnswer { operation, source })
    }

    /// Turns an answer that is an error into one.
    async fn judge(
        &self,
        operation: &'static str,
        response: Response<Incoming>,
    ) -> Result<Response<Incoming>, ClientError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = match self.read(operation, response, PROBLEM_BYTES_MAX).await {
            Ok(body) => body,
            // The status says enough where the words cannot be had.
            Err(ClientError::AnswerTooLong { .. } | ClientError::Broken { .. }) => Bytes::new(),
            Err(error) => return Err(error),
        };
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => ClientError::Problem(Box::new(problem)),
            Err(_) => ClientError::Foreign { status: status.as_u16(), excerpt: excerpt(&body) },
        })
    }

    async fn read(
        &self,
        operation: &'static str,
        response: Response<Incoming>,
        bytes_max: usize,
    ) -> Result<Bytes, ClientError> {
        let address = || self.address().to_owned();
        let collected = timeout(IDLE_TIMEOUT, Limited::new(response.into_body(), bytes_max).collect()).await;
        match collected {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(ClientError::AnswerTooLong { operation, bytes_max })
            }
            Ok(Err(error)) => {
                let source =
                    *error.downcast::<hyper::Error>().expect("a body fails by its limit or by hyper");
                Err(ClientError::Broken { address: address(), source })
            }
            Err(_) => Err(ClientError::TimedOut { address: address(), after: IDLE_TIMEOUT }),
        }
    }

    /// What the call is to be believed by.
    async fn credential(&self) -> Result<Option<SecretString>, ClientError> {
        match &self.tokens {
            Some(tokens) => tokens.access_token().await.map(Some),
            None => Ok(self.api_key.clone()),
        }
    }

    fn request(
        &self,
        call: Call,
        body: RequestBody,
        credential: Option<SecretString>,
    ) -> Result<Request<RequestBody>, ClientError> {
        let host = match &self.target {
            Target::Unix { .. } => "localhost",
            Target::Http(url) | Target::Https(url, _) => url.authority(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = call.method;
        *request.uri_mut() = call.path.as_str().parse().expect("paths are percent-encoded");
        let headers = request.headers_mut();
        headers.extend(call.headers);
        headers.insert(header::HOST, HeaderValue::try_from(host).expect("an authority is a header value"));
        let agent = HeaderValue::from_static(concat!("casemate/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        if let Some(key) = &credential {
            let mut value = header_value("API key", key.expose_secret())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-api-key"), value);
        }
        if let Some(project) = &self.project {
            headers.insert(HeaderName::from_static(PROJECT_HEADER), header_value("project", project)?);
        }
        Ok(request)
    }

    async fn connect(&self) -> Result<SendRequest<RequestBody>, ClientError> {
        let connecting = async {
            match &self.target {
                Target::Unix { connect, .. } => {
                    let connect = Arc::clone(connect);
                    let stream = tokio::task::spawn_blocking(move || connect()).await??;
                    stream.set_nonblocking(true)?;
                    start(UnixStream::from_std(stream)?).await
                }
                Target::Http(url) => start(connect_to(url).await?).await,
                Target::Https(url, trust) => {
                    let stream = connect_to(url).await?;
                    let connector = TlsConnector::from(trust.config());
                    start(connector.connect(trust::name_of(url)?, stream).await?).await
                }
            }
        };
        let address = || self.address().to_owned();
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(sender)) => Ok(sender),
            Ok(Err(source)) if of_tls(&source) => Err(ClientError::NotTrusted { address: address(), source }),
            Ok(Err(source)) => Err(ClientError::Unreachable { address: address(), source }),
            Err(_) => Err(ClientError::TimedOut { address: address(), after: CONNECT_TIMEOUT }),
        }
    }
}

async fn connect_to(url: &BaseUrl) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(url.host_and_port()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether it was TLS that failed.
fn of_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Starts HTTP on a connection. Its driver ends by itself once the request and its answer are done with.
async fn start<S>(stream: S) -> std::io::Result<SendRequest<RequestBody>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    // What goes wrong on the connection is reported to the request on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

pub(super) fn header_value(what: &'static str, text: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::try_from(text).map_err(|_| ClientError::NotAHeader { what })
}

/// The beginning of an answer that is not ours, on one line and without control characters.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * EXCERPT_CHARS_MAX)]);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(EXCERPT_CHARS_MAX).collect();
    if line.is_empty() { "(empty)".to_owned() } else { line }
}
