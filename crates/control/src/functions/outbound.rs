use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use casemate_egress::{DialError, Dialer, exchange};
use casemate_functions::HostRules;
use casemate_sandbox::{Outbound, OutboundError};
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;

use super::log::RequestLog;
use super::own_api::{Granted, is_for_node};

/// How long a request may take altogether. The run's own limit of time may end it earlier.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of an answer, which is held in memory.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;
/// Of so many requests of one run that failed it is said why.
const SAID_MAX: u32 = 4;
/// Headers that are of one connection and not of the message.
pub const OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Sends what one function asks others for: to the node itself as far as it was granted that, to hosts that were declared, and of those only to addresses that a node may send
/// to for others. Redirections are the guest's to follow, through here again.
pub(super) struct FunctionOutbound {
    pub(super) rules: HostRules,
    pub(super) dialer: Dialer,
    /// What it may ask of the node itself, if it was granted any of that.
    pub(super) granted: Option<Granted>,
    /// Where what came of it is said, if it came to nothing.
    pub(super) log: RequestLog,
    /// How often something was said.
    pub(super) said: AtomicU32,
}

#[async_trait]
impl Outbound for FunctionOutbound {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let sent = timeout(REQUEST_TIMEOUT, self.send_now(request)).await;
        let answered = sent.unwrap_or(Err(OutboundError::TimedOut));
        if let Err(error) = answered {
            // Who calls a function decides how often it asks in vain, and is not to push all else out of its log.
            match self.said.fetch_add(1, Ordering::Relaxed) {
                said if said < SAID_MAX => {
                    let why = self.why(&uri, error);
                    // Of the address no more than where it leads: the rest may be a secret.
                    self.log.say(&format!("casemate: {method} to {} failed: {why}", destination(&uri)));
                }
                SAID_MAX => self.log.say("casemate: further requests failed, of which no more is said"),
                _ => {}
            }
        }
        let word = answered.as_ref().map_or_else(|error| word(*error), |_| "answered");
        metrics::counter!("casemate_function_fetches_total", "outcome" => word).increment(1);
        answered
    }
}

impl FunctionOutbound {
    fn why(&self, uri: &Uri, error: OutboundError) -> String {
        match (error, &self.granted) {
            (OutboundError::Denied, None) if is_for_node(uri) => {
                "this version was granted nothing (--grant)".to_owned()
            }
            (OutboundError::Denied, Some(_)) if is_for_node(uri) => {
                "whoever deployed this version may not do anything any more".to_owned()
            }
            (OutboundError::TooLarge, Some(_)) if is_for_node(uri) => {
                format!("the answer has more than {} MiB; ask for it in ranges", ANSWER_BYTES_MAX >> 20)
            }
            (error, _) => error.to_string(),
        }
    }

    async fn send_now(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        if is_for_node(request.uri()) {
            let granted = self.granted.as_ref().ok_or(OutboundError::Denied)?;
            return granted.send(request).await;
        }
        let (encrypted, host, port) = self.rules.destination(request.uri()).ok_or(OutboundError::Denied)?;
        let (mut parts, body) = request.into_parts();
        for name in OF_CONNECTION {
            parts.headers.remove(name);
        }
        // What the guest says of length and host is not needed, and could say something else.
        parts.headers.remove(header::CONTENT_LENGTH);
        let authority = HeaderValue::try_from(host.authority(port, encrypted));
        parts.headers.insert(header::HOST, authority.map_err(|_| OutboundError::Denied)?);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = Uri::try_from(path).map_err(|_| OutboundError::Broken)?;
        parts.version = http::Version::HTTP_11;
        let stream = self.dialer.connect(&host, port, encrypted).await.map_err(of_dial)?;
        let answer = exchange(stream, Request::from_parts(parts, Full::new(body))).await.map_err(of_dial)?;
        let (mut parts, mut body) = answer.into_parts();
        let mut content = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| OutboundError::Broken)?.into_data() else { continue };
            if content.len() + data.len() > ANSWER_BYTES_MAX {
                return Err(OutboundError::TooLarge);
            }
            content.extend_from_slice(&data);
        }
        for name in OF_CONNECTION {
            parts.headers.remove(name);
        }
        Ok(Response::from_parts(parts, content.freeze()))
    }
}

/// Scheme, host and port, without the user and the password that an address may have.
fn destination(uri: &Uri) -> String {
    let (scheme, host) = (uri.scheme_str().unwrap_or("no scheme"), uri.host().unwrap_or_default());
    match uri.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

fn of_dial(error: DialError) -> OutboundError {
    match error {
        DialError::Unresolved => OutboundError::Unresolved,
        DialError::Refused | DialError::Plain => OutboundError::Prohibited,
        DialError::Unreachable => OutboundError::Unreachable,
        DialError::NotTrusted => OutboundError::NotTrusted,
        DialError::Broken => OutboundError::Broken,
    }
}

fn word(error: OutboundError) -> &'static str {
    match error {
        OutboundError::Denied | OutboundError::Prohibited => "refused",
        OutboundError::TimedOut => "timed_out",
        OutboundError::Unresolved
        | OutboundError::Unreachable
        | OutboundError::NotTrusted
        | OutboundError::TooLarge
        | OutboundError::Broken => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_address_holds_no_secret() {
        let of = |uri: &str| destination(&uri.parse().unwrap());
        assert_eq!(of("https://ada:secret@example.org:8443/secret?key=secret"), "https://example.org:8443");
        assert_eq!(of("http://[::1]/secret"), "http://[::1]");
    }
}
