use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use casemate_limits::{JsonBudget, JsonScanner};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::AppState;
use crate::problem::Problem;

/// How long a client may take to send a JSON body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON body that was within budget, of the right media type, and of exactly the expected shape.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + Serialize> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        check_headers(request.headers())?;
        let body = read(request.into_body(), state.json_budget).await?;
        parse(&body).map(Self)
    }
}

/// Refuses bodies that are not plain JSON in UTF-8. A compressed one could be a thousand times as long as it looks.
fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = media_type.unwrap_or_default().split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case("application/json") {
        return Err(Problem::not_json());
    }
    let charset = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return Err(Problem::not_json());
    }
    refuse_encoded(headers)
}

/// Refuses a body that was compressed on its way: nothing here unpacks one.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = headers.get_all(header::CONTENT_ENCODING).iter().all(|coding| coding == "identity");
    if plain { Ok(()) } else { Err(Problem::encoded()) }
}

/// Reads a body no further than the budget goes, and judges each piece as it comes.
pub(crate) async fn read(body: Body, budget: JsonBudget) -> Result<Vec<u8>, Problem> {
    let reading = tokio::time::timeout(BODY_TIMEOUT, collect(body, budget));
    reading.await.map_err(|_| Problem::body_too_slow())?
}

async fn collect(mut body: Body, budget: JsonBudget) -> Result<Vec<u8>, Problem> {
    budget.admit_length(body.size_hint().lower()).map_err(|refused| Problem::json_refused(&refused))?;
    let (mut scanner, mut text) = (JsonScanner::new(budget), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::body_broken())?;
        let Ok(piece) = frame.into_data() else { continue };
        scanner.feed(&piece).map_err(|refused| Problem::json_refused(&refused))?;
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

/// Parses the whole body, and says with a JSON pointer where it is not as it should be.
fn parse<T: DeserializeOwned + Serialize>(body: &[u8]) -> Result<T, Problem> {
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let text = error.inner().to_string();
        let mut pointer = pointer(error.path());
        if let Some(name) = missing(&text) {
            pointer.push_str(&format!("/{name}"));
        }
        Problem::field(&pointer, text)
    })?;
    parser.end().map_err(|error| Problem::field("", error.to_string()))?;
    refuse_rows(body, &value)?;
    Ok(value)
}

/// Refuses arrays that were taken for objects: serde reads the members of a structure from a row of values too, in the
/// order in which they happen to be declared.
fn refuse_rows(body: &[u8], read: &impl Serialize) -> Result<(), Problem> {
    if !body.contains(&b'[') {
        return Ok(());
    }
    let written: Value =
        serde_json::from_slice(body).map_err(|error| Problem::field("", error.to_string()))?;
    let read = serde_json::to_value(read).map_err(|error| Problem::field("", error.to_string()))?;
    match row_for_object(&written, &read) {
        Some(pointer) => Err(Problem::field(&pointer, "must be an object, not an array")),
        None => Ok(()),
    }
}

/// Where there is an array in `written` and an object in `read`.
fn row_for_object(written: &Value, read: &Value) -> Option<String> {
    match (written, read) {
        (Value::Array(_), Value::Object(_)) => Some(String::new()),
        (Value::Array(written), Value::Array(read)) => {
            let mut pairs = written.iter().zip(read).enumerate();
            pairs.find_map(|(index, (written, read))| {
                row_for_object(written, read).map(|rest| format!("/{index}{rest}"))
            })
        }
        (Value::Object(written), Value::Object(read)) => written.iter().find_map(|(name, written)| {
            let rest = row_for_object(written, read.get(name)?)?;
            Some(format!("/{}{rest}", name.replace('~', "~0").replace('/', "~1")))
        }),
        _ => None,
    }
}

/// The field that is not there. The error says it in its text only, in the words of `serde::de::Error`.
pub(crate) fn missing(text: &str) -> Option<&str> {
    text.strip_prefix("missing field `")?.split('`').next()
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
