//! Lists of S3, asked for here because the library below knows only keys that it can also write: it drops a slash at
//! the end of a key, and gives up a whole list for one key with two slashes in a row. Other people have both.

use std::time::Duration;

use casemate_model::Timestamp;
use http::{Method, Request, StatusCode};
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpRequestBody, ReqwestConnector};
use serde::Deserialize;

use super::RetryBudget;
use crate::{BucketError, Cause, ListEntry, ListPage, ListQuery};

/// Asks a bucket of S3 for its keys.
pub(super) struct S3Lister {
    client: HttpClient,
    /// None for a bucket that is open to everybody.
    credentials: Option<AwsCredentialProvider>,
    place: Place,
    retry: RetryBudget,
}

/// Where the bucket is.
pub(super) struct Place {
    pub(super) url: String,
    pub(super) region: String,
}

/// Why an attempt failed, and whether another one may not.
enum Failure {
    Passing(Cause),
    Lasting(BucketError),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

impl S3Lister {
    pub(super) fn new(
        place: Place,
        credentials: Option<AwsCredentialProvider>,
        options: &ClientOptions,
        retry: RetryBudget,
    ) -> Result<Self, BucketError> {
        let client = ReqwestConnector::default().connect(options);
        let client = client.map_err(|error| BucketError::Settings(error.into()))?;
        Ok(Self { client, credentials, place, retry })
    }

    /// Asks until there is an answer, within the budget: a list changes nothing, so it can be asked for again.
    pub(super) async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        let unavailable =
            |source| BucketError::Unavailable { action: "list", key: query.prefix.clone(), source };
        let asking = async {
            let mut tries = 0;
            loop {
                match self.ask(query).await {
                    Ok(page) => return Ok(page),
                    Err(Failure::Lasting(error)) => return Err(error),
                    Err(Failure::Passing(source)) if tries >= self.retry.tries_max => {
                        return Err(unavailable(source));
                    }
                    Err(Failure::Passing(_)) => tokio::time::sleep(pause(tries)).await,
                }
                tries += 1;
            }
        };
        let done = tokio::time::timeout(self.retry.time_max, asking).await;
        done.unwrap_or_else(|elapsed| Err(unavailable(elapsed.into())))
    }

    async fn ask(&self, query: &ListQuery) -> Result<ListPage, Failure> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(format!("{}?{}", self.place.url, text_of(query)))
            .body(HttpRequestBody::empty())
            .map_err(|error| lasting(query, error.into()))?;
        if let Some(credentials) = &self.credentials {
            let credential =
                credentials.get_credential().await.map_err(|error| Failure::Passing(error.into()))?;
            let signer = AwsAuthorizer::new(&credential, "s3", &self.place.region);
            signer.try_authorize(&mut request, None).map_err(|error| lasting(query, error.into()))?;
        }
        let answer = self.client.execute(request).await.map_err(|error| Failure::Passing(error.into()))?;
        let status = answer.status();
        let body = answer.into_body().bytes().await.map_err(|error| Failure::Passing(error.into()))?;
        if status.is_success() {
            return read(&body).map_err(|error| lasting(query, error));
        }
        Err(refusal(query, status, &String::from_utf8_lossy(&body[..body.len().min(REASON_BYTES_MAX)])))
    }
}

fn read(body: &[u8]) -> Result<ListPage, Cause> {
    let answer: Answer = quick_xml::de::from_reader(body)?;
    let mut page = ListPage { next: answer.next_continuation_token, ..ListPage::default() };
    for Contents { key, size, last_modified, etag } in answer.contents {
        let modified: Timestamp = last_modified.parse()?;
        page.entries.push(ListEntry { key, size_bytes: size, etag, modified });
    }
    page.prefixes = answer.common_prefixes.into_iter().map(|prefix| prefix.prefix).collect();
    Ok(page)
}

fn refusal(query: &ListQuery, status: StatusCode, reason: &str) -> Failure {
    let (key, source) = (query.prefix.clone(), Cause::from(format!("{status}: {reason}")));
    match status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
            Failure::Lasting(BucketError::Denied { key, source })
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Failure::Passing(source),
        status if status.is_server_error() => Failure::Passing(source),
        // That the bucket is not there says nothing of an object, so it is no `NotFound`.
        _ => lasting(query, source),
    }
}

fn lasting(query: &ListQuery, source: Cause) -> Failure {
    Failure::Lasting(BucketError::Unavailable { action: "list", key: query.prefix.clone(), source })
}

fn text_of(query: &ListQuery) -> String {
    let keys_max = query.keys_max.to_string();
    let fields = [
        ("continuation-token", query.page.as_deref()),
        ("delimiter", query.delimited.then_some("/")),
        ("list-type", Some("2")),
        ("max-keys", Some(keys_max.as_str())),
        ("prefix", Some(query.prefix.as_str())),
        ("start-after", query.after.as_deref()),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value?))));
    fields.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
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

/// How much of an answer that says what is wrong is told on.
const REASON_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_kind_are_listed() {
        let body = br#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><KeyCount>3</KeyCount>
<Contents><Key>a//b &amp; c</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>"1"</ETag><Size>3</Size></Contents>
<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>
<Contents><Key>folder/</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified><Size>0</Size></Contents>
<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"#;
        let page = read(body).unwrap();
        let keys: Vec<&str> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["a//b & c", "folder/"]);
        assert_eq!((page.prefixes, page.next.as_deref()), (vec!["d/".to_owned()], Some("t")));
        assert_eq!(page.entries[0].etag.as_deref(), Some("\"1\""));
    }

    #[test]
    fn a_query_is_encoded() {
        let query = ListQuery { delimited: true, ..ListQuery::all("a b/ü&") };
        assert_eq!(text_of(&query), "delimiter=%2F&list-type=2&max-keys=1000&prefix=a%20b%2F%C3%BC%26");
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        assert!((50..=100).contains(&pause(0).as_millis()));
        assert!((5_000..=10_000).contains(&pause(50).as_millis()));
    }
}
