//! Calls that make something, sent again when the connection breaks before their answer and carried out once all the same.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::transport::Call;
use crate::{Client, ClientError, ProblemCode};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long to wait before each time that a call is sent again.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2)];

/// How long to wait for the first sending of a call, whose connection broke, to end.
const IN_FLIGHT_PAUSE: Duration = Duration::from_secs(1);
const IN_FLIGHT_PAUSES_MAX: u32 = 60;

impl Client {
    /// Sends `call`, which makes something, under a key of its own, and reads its answer as JSON.
    pub(super) async fn create<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let call = call.header(IDEMPOTENCY_KEY, random_key());
        let mut pauses = PAUSES.into_iter();
        let mut in_flight = 0;
        loop {
            let pause = match self.json(call.clone()).await {
                Err(error @ ClientError::Broken { .. }) => pauses.next().ok_or(error)?,
                Err(ClientError::Problem(problem))
                    if problem.code == ProblemCode::IdempotencyInFlight
                        && in_flight < IN_FLIGHT_PAUSES_MAX =>
                {
                    in_flight += 1;
                    IN_FLIGHT_PAUSE
                }
                other => return other,
            };
            sleep(pause).await;
        }
    }
}

/// A key that nobody else has.
fn random_key() -> HeaderValue {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the kernel gives randomness once it is up");
    HeaderValue::try_from(format!("\"{:032x}\"", u128::from_be_bytes(bytes))).expect("digits and quotes")
}
