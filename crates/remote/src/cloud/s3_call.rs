//! Requests of S3 that the library below does not make: signed as its own are, and tried again within the budget.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequestBody};

use super::RetryBudget;
use super::answers::{WaryConnector, cause_of, fault_of};
use crate::{BucketError, Cause};

/// Asks a server of S3.
pub(super) struct S3Caller {
    client: HttpClient,
    /// None for what is open to everybody.
    credentials: Option<AwsCredentialProvider>,
    region: String,
    retry: RetryBudget,
}

/// What is asked for, in messages.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What is attempted, as a verb.
    pub(super) action: &'static str,
    /// The key, prefix or server.
    pub(super) key: &'a str,
}

/// Why an attempt failed, and whether another one may not.
enum Failure {
    Passing(Cause),
    Lasting(BucketError),
}

impl Asked<'_> {
    /// No answer, or none that tells.
    pub(super) fn unavailable(self, source: Cause) -> BucketError {
        BucketError::Unavailable { action: self.action, key: self.key.to_owned(), source }
    }
}

impl S3Caller {
    pub(super) fn new(
        region: String,
        credentials: Option<AwsCredentialProvider>,
        options: &ClientOptions,
        retry: RetryBudget,
    ) -> Result<Self, BucketError> {
        let client = WaryConnector.connect(options);
        let client = client.map_err(|error| BucketError::Settings(error.into()))?;
        Ok(Self { client, credentials, region, retry })
    }

    /// Gets what is at an address. It changes nothing, so it is asked for again until there is an answer.
    pub(super) async fn get(&self, url: &str, asked: Asked<'_>) -> Result<Bytes, BucketError> {
        let asking = async {
            let mut tries = 0;
            loop {
                match self.ask(url, asked).await {
                    Ok(body) => return Ok(body),
                    Err(Failure::Lasting(error)) => return Err(error),
                    Err(Failure::Passing(source)) if tries >= self.retry.tries_max => {
                        return Err(asked.unavailable(source));
                    }
                    Err(Failure::Passing(_)) => tokio::time::sleep(pause(tries)).await,
                }
                tries += 1;
            }
        };
        let done = tokio::time::timeout(self.retry.time_max, asking).await;
        done.unwrap_or_else(|elapsed| Err(asked.unavailable(elapsed.into())))
    }

    async fn ask(&self, url: &str, asked: Asked<'_>) -> Result<Bytes, Failure> {
        let lasting = |source: Cause| Failure::Lasting(asked.unavailable(source));
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(url)
            .body(HttpRequestBody::empty())
            .map_err(|error| lasting(error.into()))?;
        if let Some(credentials) = &self.credentials {
            let credential =
                credentials.get_credential().await.map_err(|error| Failure::Passing(error.into()))?;
            let signer = AwsAuthorizer::new(&credential, "s3", &self.region);
            signer.try_authorize(&mut request, None).map_err(|error| lasting(error.into()))?;
        }
        let failed = |error: HttpError| match error.kind() {
            HttpErrorKind::Decode => lasting(cause_of(&error)),
            _ => Failure::Passing(cause_of(&error)),
        };
        let answer = self.client.execute(request).await.map_err(failed)?;
        let status = answer.status();
        let body = answer.into_body().bytes().await.map_err(failed)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(asked, status, &String::from_utf8_lossy(&body)))
    }
}

fn refusal(asked: Asked<'_>, status: StatusCode, said: &str) -> Failure {
    let reason = if said == status.to_string() { said.to_owned() } else { format!("{status}: {said}") };
    let source = Cause::from(fault_of(status, reason));
    match status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
            Failure::Lasting(BucketError::Denied { key: asked.key.to_owned(), source })
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Failure::Passing(source),
        status if status.is_server_error() => Failure::Passing(source),
        // That the bucket is not there says nothing of an object, so it is no `NotFound`.
        _ => Failure::Lasting(asked.unavailable(source)),
    }
}

/// As addresses hold it.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Twice as long each time, less up to half of it, so that those who failed together do not come back together.
fn pause(tries: usize) -> Duration {
    let longest = PAUSE_FIRST.saturating_mul(1 << tries.min(10)).min(PAUSE_MAX);
    let chance = getrandom::u32().unwrap_or(0);
    longest.mul_f64(0.5 + f64::from(chance) / f64::from(u32::MAX) / 2.0)
}

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        assert!((50..=100).contains(&pause(0).as_millis()));
        assert!((5_000..=10_000).contains(&pause(50).as_millis()));
    }
}
