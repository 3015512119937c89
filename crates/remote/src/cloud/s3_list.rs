//! Lists of S3, asked for here because the library below knows only keys that it can also write: it drops a slash at
//! the end of a key, and gives up a whole list for one key with two slashes in a row. Other people have both.

use casemate_model::Timestamp;
use serde::Deserialize;

use super::s3_call::{Asked, S3Caller, encoded};
use crate::{BucketError, Cause, ListEntry, ListPage, ListQuery};

/// Asks a bucket of S3 for its keys.
pub(super) struct S3Lister {
    caller: S3Caller,
    /// The address of the bucket.
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    #[serde(default)]
    is_truncated: bool,
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
    pub(super) fn new(caller: S3Caller, url: String) -> Self {
        Self { caller, url }
    }

    pub(super) async fn list(&self, query: &ListQuery) -> Result<ListPage, BucketError> {
        // Of a whole bucket there is no other name.
        let key = if query.prefix.is_empty() { &self.url } else { &query.prefix };
        let asked = Asked { action: "list", key };
        let body = self.caller.get(&format!("{}?{}", self.url, text_of(query)), asked).await?;
        read(&body).map_err(|error| asked.unavailable(error))
    }
}

fn read(body: &[u8]) -> Result<ListPage, Cause> {
    let answer: Answer = quick_xml::de::from_reader(body)?;
    if answer.is_truncated && answer.next_continuation_token.is_none() {
        return Err("the list is cut off, and says not where it goes on".into());
    }
    let mut page = ListPage { next: answer.next_continuation_token, ..ListPage::default() };
    for Contents { key, size, last_modified, etag } in answer.contents {
        let modified: Timestamp = last_modified.parse()?;
        page.entries.push(ListEntry { key, size_bytes: size, etag, modified });
    }
    page.prefixes = answer.common_prefixes.into_iter().map(|prefix| prefix.prefix).collect();
    Ok(page)
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
    fn a_list_that_is_cut_off_is_no_list() {
        let cut = br#"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"#;
        assert!(read(cut).unwrap_err().to_string().contains("cut off"));
        let whole = br#"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"#;
        assert_eq!(read(whole).unwrap().next, None);
    }

    #[test]
    fn a_query_is_encoded() {
        let query = ListQuery { delimited: true, ..ListQuery::all("a b/ü&") };
        assert_eq!(text_of(&query), "delimiter=%2F&list-type=2&max-keys=1000&prefix=a%20b%2F%C3%BC%26");
    }
}
