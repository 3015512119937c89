//! What a key of S3 may see beside one bucket.

use casemate_model::Timestamp;
use serde::Deserialize;

use super::S3Settings;
use super::s3_call::{Asked, S3Caller, encoded};
use super::s3_list::read_answer;
use crate::bucket::Pages;
use crate::{BucketError, Cause};

/// Whoever a key of S3 belongs to, at a server of S3.
pub struct S3Account {
    caller: S3Caller,
    endpoint: String,
}

/// A bucket in a list of buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBucket {
    /// Its name.
    pub name: String,
    /// When it was made; [`Timestamp::EPOCH`] if the server does not say.
    pub created: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    buckets: Buckets,
    continuation_token: Option<String>,
}

#[derive(Default, Deserialize)]
struct Buckets {
    #[serde(default, rename = "Bucket")]
    buckets: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    creation_date: Option<String>,
}

impl S3Account {
    /// Whoever the settings say; their bucket does not matter.
    pub fn new(settings: &S3Settings) -> Result<Self, BucketError> {
        let store = settings.build()?;
        Ok(Self { caller: settings.caller(&store)?, endpoint: settings.endpoint() })
    }

    /// The buckets that the key may list, by name.
    pub async fn buckets(&self) -> Result<Vec<ListedBucket>, BucketError> {
        let asked = Asked { action: "list the buckets of", key: &self.endpoint };
        let (mut buckets, mut token, mut pages) = (Vec::new(), None::<String>, Pages::default());
        loop {
            let page = token.as_ref().map(|token| format!("?continuation-token={}", encoded(token)));
            let url = format!("{}/{}", self.endpoint, page.unwrap_or_default());
            let body = self.caller.get(&url, asked).await?;
            let (found, next) = read(&body).map_err(|error| asked.unavailable(error))?;
            let count = found.len();
            buckets.extend(found);
            if buckets.len() > BUCKETS_MAX {
                let prefix = self.endpoint.clone();
                return Err(BucketError::TooMany { prefix, keys_max: BUCKETS_MAX });
            }
            let Some(next) = next else { break };
            pages.go_on(count, &next).map_err(|fault| asked.unavailable(fault.into()))?;
            token = Some(next);
        }
        buckets.sort_by(|one: &ListedBucket, other| one.name.cmp(&other.name));
        Ok(buckets)
    }
}

fn read(body: &[u8]) -> Result<(Vec<ListedBucket>, Option<String>), Cause> {
    let answer: Answer = read_answer(body, "ListAllMyBucketsResult")?;
    let buckets = answer.buckets.buckets.into_iter().map(|Entry { name, creation_date }| {
        let created = creation_date.and_then(|date| date.parse().ok()).unwrap_or(Timestamp::EPOCH);
        ListedBucket { name, created }
    });
    Ok((buckets.collect(), answer.continuation_token.filter(|token| !token.is_empty())))
}

/// Far more than Amazon gives to anybody.
const BUCKETS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_with_and_without_dates() {
        let body = br#"<?xml version="1.0" encoding="UTF-8"?>
<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>o</ID></Owner><Buckets>
<Bucket><Name>builds</Name><CreationDate>2026-01-31T12:00:00.000Z</CreationDate></Bucket>
<Bucket><Name>archive</Name></Bucket></Buckets><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>"#;
        let (buckets, next) = read(body).unwrap();
        let names: Vec<&str> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        assert_eq!((names, next.as_deref()), (vec!["builds", "archive"], Some("t")));
        assert_eq!(buckets[0].created.to_string(), "2026-01-31T12:00:00.000Z");
        assert_eq!(buckets[1].created, Timestamp::EPOCH);
        let none = b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>";
        assert_eq!(read(none).unwrap(), (vec![], None));
    }
}
