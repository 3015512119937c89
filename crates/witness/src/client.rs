//! Asking a witness.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use casemate_egress::{DialError, Dialer, Host, exchange};
use casemate_ledger::{AddCheckpoint, Checkpoint, Cosignature, WitnessPublicKey};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

/// How long a witness has to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of an answer: some signature lines.
const ANSWER_BYTES_MAX: usize = 8 << 10;

/// Somebody who is asked to cosign.
#[async_trait]
pub trait Asked: Send + Sync + 'static {
    /// Whose cosignature it gives.
    fn key(&self) -> &WitnessPublicKey;

    /// Asks for a cosignature of `checkpoint`, whose text the request has.
    async fn ask(&self, request: &AddCheckpoint, checkpoint: &Checkpoint) -> Result<Answered, AskedError>;
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It saw the checkpoint.
    Cosigned(Cosignature),
    /// The log had so many entries when it saw it last.
    At(u64),
}

/// Why a witness did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskedError {
    /// It is not reached.
    #[error("the witness cannot be reached")]
    Dial(#[from] DialError),
    /// It did not answer in time.
    #[error("the witness did not answer in time")]
    TimedOut,
    /// It refused.
    #[error("the witness refused with status {status}: {text}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What it said, as far as that is plain.
        text: String,
    },
    /// Its answer is none.
    #[error("the witness answered with something else than its cosignature")]
    NoCosignature,
}

/// Where a witness is: `https://witness.example.org` or what its paths begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAddress {
    host: Host,
    port: u16,
    encrypted: bool,
    path: String,
}

/// Text that is no [`WitnessAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not where a witness is: expected such as https://witness.example.org")]
pub struct WitnessAddressError;

/// A witness over HTTP.
pub struct HttpWitness {
    address: WitnessAddress,
    key: WitnessPublicKey,
    dialer: Dialer,
}

impl FromStr for WitnessAddress {
    type Err = WitnessAddressError;

    fn from_str(text: &str) -> Result<Self, WitnessAddressError> {
        let uri: Uri = text.parse().map_err(|_| WitnessAddressError)?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(WitnessAddressError),
        };
        let authority = uri.authority().ok_or(WitnessAddressError)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(WitnessAddressError);
        }
        let host = authority.host().parse().map_err(|_| WitnessAddressError)?;
        let port = authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let path = format!("{}/add-checkpoint", uri.path().trim_end_matches('/'));
        Ok(Self { host, port, encrypted, path })
    }
}

impl fmt::Display for WitnessAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host.authority(self.port, self.encrypted), self.path)
    }
}

impl HttpWitness {
    /// Asks the witness with this key there.
    pub fn new(address: WitnessAddress, key: WitnessPublicKey, dialer: Dialer) -> Self {
        Self { address, key, dialer }
    }

    async fn exchange(&self, body: String) -> Result<Response<Incoming>, AskedError> {
        let WitnessAddress { host, port, encrypted, path } = &self.address;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        let broken = |_| AskedError::Dial(DialError::Broken);
        *request.uri_mut() = path.parse().map_err(|_| AskedError::Dial(DialError::Broken))?;
        let authority = HeaderValue::try_from(host.authority(*port, *encrypted)).map_err(broken)?;
        request.headers_mut().insert(header::HOST, authority);
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        let stream = self.dialer.connect(host, *port, *encrypted).await?;
        Ok(exchange(stream, request).await?)
    }

    async fn answer(&self, request: &AddCheckpoint, checkpoint: &Checkpoint) -> Result<Answered, AskedError> {
        let response = self.exchange(request.to_string()).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| AskedError::NoCosignature)?.to_bytes();
        let text = String::from_utf8(body.to_vec()).map_err(|_| AskedError::NoCosignature)?;
        match status {
            StatusCode::OK => {
                let mut own = text.lines().filter_map(Cosignature::parse);
                own.find(|cosignature| self.key.verify(checkpoint, cosignature).is_ok())
                    .map(Answered::Cosigned)
                    .ok_or(AskedError::NoCosignature)
            }
            StatusCode::CONFLICT => {
                let size = text.trim_end_matches('\n').parse().map_err(|_| AskedError::NoCosignature)?;
                Ok(Answered::At(size))
            }
            status => {
                let plain = text.chars().filter(|char| !char.is_control()).take(200).collect();
                Err(AskedError::Refused { status: status.as_u16(), text: plain })
            }
        }
    }
}

#[async_trait]
impl Asked for HttpWitness {
    fn key(&self) -> &WitnessPublicKey {
        &self.key
    }

    async fn ask(&self, request: &AddCheckpoint, checkpoint: &Checkpoint) -> Result<Answered, AskedError> {
        timeout(TIMEOUT, self.answer(request, checkpoint)).await.unwrap_or(Err(AskedError::TimedOut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_has_one_address() {
        for (text, canonical) in [
            ("https://witness.example.org", "https://witness.example.org/add-checkpoint"),
            ("http://127.0.0.1:7500/", "http://127.0.0.1:7500/add-checkpoint"),
            ("https://w.example/a/b", "https://w.example/a/b/add-checkpoint"),
        ] {
            assert_eq!(text.parse::<WitnessAddress>().unwrap().to_string(), canonical);
        }
        for bad in ["", "w.example", "ftp://w.example", "https://u:p@w.example", "https://w.example?a=b"] {
            bad.parse::<WitnessAddress>().expect_err(bad);
        }
    }
}
