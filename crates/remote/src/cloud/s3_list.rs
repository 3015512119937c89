//! Lists of S3, asked for here because the library below knows only keys that it can also write: it drops a slash at
//! the end of a key, and gives up a whole list for one key with two slashes in a row. Other people have both.

use casemate_model::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answers::is_page;
use super::s3_call::{Asked, S3Caller, encoded};
use crate::bucket::PAGE_KEYS_MAX;
use crate::{BucketError, Cause, ListEntry, ListPage, ListQuery, ServerFault, Unusable};

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

/// An object as it is written. One that makes no sense does not take the others along.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    #[serde(default)]
    key: String,
    #[serde(default)]
    size: String,
    #[serde(default)]
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
    let answer: Answer = read_answer(body, "ListBucketResult")?;
    let found = answer.contents.len() + answer.common_prefixes.len();
    if found > PAGE_KEYS_MAX {
        return Err(ServerFault::PageTooLong { found, keys_max: PAGE_KEYS_MAX }.into());
    }
    if answer.is_truncated && answer.next_continuation_token.is_none() {
        return Err("the list is cut off, and says not where it goes on".into());
    }
    let next = answer.next_continuation_token.filter(|token| !token.is_empty());
    let mut page = ListPage { next, ..ListPage::default() };
    for contents in answer.contents {
        match contents.entry() {
            Ok(entry) => page.entries.push(entry),
            Err(unusable) => page.unusable.push(unusable),
        }
    }
    page.prefixes = answer.common_prefixes.into_iter().map(|prefix| prefix.prefix).collect();
    Ok(page)
}

impl Contents {
    fn entry(self) -> Result<ListEntry, Unusable> {
        let size_bytes = self.size.trim().parse::<u64>().ok().filter(|size| *size <= OBJECT_BYTES_MAX);
        let modified = self.last_modified.trim().parse::<Timestamp>();
        let reason = if self.key.is_empty() {
            "it has no key"
        } else if self.key.len() > KEY_BYTES_MAX {
            "its key is longer than S3 allows"
        } else if self.key.contains(char::REPLACEMENT_CHARACTER) {
            "its key is not UTF-8, and cannot be asked for"
        } else {
            match (size_bytes, modified) {
                (Some(size_bytes), Ok(modified)) => {
                    return Ok(ListEntry { key: self.key, size_bytes, etag: self.etag, modified });
                }
                (None, _) => "the list gives it no possible size",
                (_, Err(_)) => "the list gives it no possible time",
            }
        };
        let key = self.key.chars().take(KEY_BYTES_MAX).collect();
        Err(Unusable { key, reason: reason.to_owned() })
    }
}

/// Reads an answer of S3, a document called `name`. Bytes that are no text become `U+FFFD`.
pub(super) fn read_answer<T: DeserializeOwned>(body: &[u8], name: &str) -> Result<T, Cause> {
    let text = String::from_utf8_lossy(body);
    if is_page(&text) {
        return Err(ServerFault::NotS3 { what: "with a web page".to_owned() }.into());
    }
    // Every field of a list may be absent, so that any other document would pass for an empty one.
    let found = name_of(&text);
    if found != name {
        let shown: String = found.chars().take(40).collect();
        let what = if shown.is_empty() {
            "with no XML".to_owned()
        } else {
            format!("with `{shown}` instead of `{name}`")
        };
        return Err(ServerFault::NotS3 { what }.into());
    }
    quick_xml::de::from_str(&text).map_err(|error| {
        let what = format!("with what cannot be read ({error})");
        ServerFault::NotS3 { what }.into()
    })
}

/// What a document is called, without the prefix of its namespace.
fn name_of(text: &str) -> &str {
    let begins = |at: &usize| text[at + 1..].starts_with(|c: char| c.is_alphabetic() || c == '_');
    let Some(at) = text.match_indices('<').map(|(at, _)| at).find(begins) else { return "" };
    let name = &text[at + 1..];
    let name = name.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default();
    name.rsplit_once(':').map_or(name, |(_, name)| name)
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

/// What S3 allows.
const KEY_BYTES_MAX: usize = 1024;

/// Far more than any store holds in one object, so that sizes can be added up.
const OBJECT_BYTES_MAX: u64 = 1 << 50;

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

    fn contents(key: &str, size: &str, modified: &str) -> String {
        format!(
            "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><Size>{size}</Size></Contents>"
        )
    }

    #[test]
    fn one_odd_object_does_not_take_the_list_along() {
        let time = "2026-01-31T12:00:00.000Z";
        let mut body = b"<ListBucketResult>".to_vec();
        for (key, size, modified) in [
            ("sound", "1", time),
            ("negative", "-1", time),
            ("huge", "18446744073709551615", time),
            ("untimed", "1", "yesterday"),
            ("", "1", time),
            ("&#x1b;[2J&#1;", "1", time),
            (&"x".repeat(1025), "1", time),
        ] {
            body.extend(contents(key, size, modified).into_bytes());
        }
        let odd = contents("?", "1", time).into_bytes();
        body.extend(odd.iter().map(|byte| if *byte == b'?' { 0xff } else { *byte }));
        body.extend(b"</ListBucketResult>");
        let page = read(&body).unwrap();
        let keys: Vec<&str> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["sound", "\u{1b}[2J\u{1}"]);
        let unusable: Vec<&str> =
            page.unusable.iter().map(|unusable| &unusable.key[..unusable.key.len().min(9)]).collect();
        assert_eq!(unusable, ["negative", "huge", "untimed", "", "xxxxxxxxx", "\u{fffd}"]);
    }

    #[test]
    fn what_is_no_list_of_s3_is_named() {
        let fault =
            |body: &str| read(body.as_bytes()).unwrap_err().downcast_ref::<ServerFault>().cloned().unwrap();
        let page = fault("<!DOCTYPE html>\n<html><title>Sign in</title></html>");
        assert_eq!(page, ServerFault::NotS3 { what: "with a web page".to_owned() });
        for (body, what) in [
            ("{}", "with no XML"),
            ("", "with no XML"),
            (
                "<?xml version=\"1.0\"?><Error><Code>No</Code></Error>",
                "with `Error` instead of `ListBucketResult`",
            ),
        ] {
            assert_eq!(fault(body), ServerFault::NotS3 { what: what.to_owned() });
        }
        assert!(matches!(fault("<ListBucketResult><Contents>"), ServerFault::NotS3 { .. }));
        let many = contents("k", "1", "2026-01-31T12:00:00.000Z").repeat(1001);
        let many = fault(&format!("<ListBucketResult>{many}</ListBucketResult>"));
        assert_eq!(many, ServerFault::PageTooLong { found: 1001, keys_max: 1000 });
    }

    #[test]
    fn a_query_is_encoded() {
        let query = ListQuery { delimited: true, ..ListQuery::all("a b/ü&") };
        assert_eq!(text_of(&query), "delimiter=%2F&list-type=2&max-keys=1000&prefix=a%20b%2F%C3%BC%26");
    }
}
