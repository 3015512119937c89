use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use casemate_limits::JsonBudget;
use http::header;
use serde::de::DeserializeOwned;

use crate::app::AppState;
use crate::problem::Problem;

/// How long a client may take to send a JSON body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON body that was within budget, of the right media type, and of exactly the expected shape.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = media_type.is_some_and(|media_type| {
            media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            return Err(Problem::not_json());
        }
        // The body limit layer ends the body early, so this reads no more than a request may hold.
        let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
        let body = body.map_err(|_| Problem::body_too_slow())?.map_err(|_| Problem::body_too_large())?;
        JsonBudget::REQUEST.check(&body).map_err(|overrun| Problem::json_budget(&overrun))?;
        parse(&body).map(Self)
    }
}

/// Parses the whole body, and says with a JSON pointer where it is not as it should be.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| Problem::invalid_body(&pointer(error.path()), error.inner()))?;
    parser.end().map_err(|error| Problem::invalid_body("", &error))?;
    Ok(value)
}

/// A path through a body as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            // The text ended or went wrong inside of this place, which so far is all that is known.
            Segment::Unknown => return pointer,
        }
    }
    pointer
}
