//! Which part of an object an answer holds, on which conditions, and how it is sent.

use std::ops::Range as Span;

use casemate_objects::{ObjectRecord, is_media_type};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::metadata::time;
use super::objects::MEDIA_TYPE;
use super::protocol::custom;

/// What a client demands of what is there (RFC 9110, section 13).
pub(super) struct Conditions<'r> {
    pub(super) if_match: Option<&'r ETagCondition>,
    pub(super) if_none_match: Option<&'r ETagCondition>,
    pub(super) if_modified_since: Option<&'r Timestamp>,
    pub(super) if_unmodified_since: Option<&'r Timestamp>,
}

impl<'r> Conditions<'r> {
    pub(super) fn of_source(input: &'r CopyObjectInput) -> Self {
        Self {
            if_match: input.copy_source_if_match.as_ref(),
            if_none_match: input.copy_source_if_none_match.as_ref(),
            if_modified_since: input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        }
    }

    pub(super) fn check(&self, record: &ObjectRecord) -> S3Result<()> {
        let is = |condition: &ETagCondition| {
            condition.is_any() || condition.as_etag().is_some_and(|tag| tag.value() == record.etag.as_str())
        };
        // Dates of HTTP have whole seconds.
        let stored = time(
            casemate_model::Timestamp::from_millis(record.stored.as_millis() / 1_000 * 1_000)
                .unwrap_or(record.stored),
        );
        match self.if_match {
            Some(condition) if !is(condition) => return Err(s3_error!(PreconditionFailed)),
            Some(_) => {}
            None if self.if_unmodified_since.is_some_and(|since| stored > *since) => {
                return Err(s3_error!(PreconditionFailed));
            }
            None => {}
        }
        let unchanged = match self.if_none_match {
            Some(condition) => is(condition),
            None => self.if_modified_since.is_some_and(|since| stored <= *since),
        };
        if unchanged { Err(not_modified(record)) } else { Ok(()) }
    }
}

/// That a client has it already, with what it compares the next time (RFC 9110, section 15.4.5).
fn not_modified(record: &ObjectRecord) -> S3Error {
    let mut headers = HeaderMap::new();
    let kept = record.attributes.headers.get("cache-control").map(String::as_str);
    let values = [
        (header::ETAG, Some(format!("\"{}\"", record.etag))),
        (header::CACHE_CONTROL, kept.map(str::to_owned)),
    ];
    for (name, value) in values {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    let mut date = Vec::new();
    let written = time(record.stored).format(TimestampFormat::HttpDate, &mut date);
    if let (Ok(()), Ok(value)) = (written, HeaderValue::from_bytes(&date)) {
        headers.insert(header::LAST_MODIFIED, value);
    }
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}

fn is_header(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

fn no_header() -> S3Error {
    s3_error!(InvalidArgument, "what a header of the answer is to say cannot stand in one")
}

/// What of an object was asked for.
pub(super) struct Wanted {
    pub(super) within: Span<u64>,
    /// Whether it is a part of it, whatever part.
    partial: bool,
    /// How many parts it came in, if a part was asked for by its number.
    parts: Option<i32>,
}

pub(super) fn span(record: &ObjectRecord, range: Option<Range>, part: Option<i32>) -> S3Result<Wanted> {
    let size = record.size_bytes;
    match (range, part) {
        (None, None) => Ok(Wanted { within: 0..size, partial: false, parts: None }),
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "a range and a part cannot be asked for together"))
        }
        (Some(range), None) => {
            let within = range.check(size).map_err(|_| s3_error!(InvalidRange))?;
            Ok(Wanted { within, partial: true, parts: None })
        }
        (None, Some(number)) => part_span(record, number),
    }
}

fn no_such_part() -> S3Error {
    let message = "the object has no part of that number";
    custom("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE, message)
}

fn part_span(record: &ObjectRecord, number: i32) -> S3Result<Wanted> {
    let whole = [record.size_bytes];
    let parts = if record.attributes.parts.is_empty() { &whole[..] } else { &record.attributes.parts };
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let index = index.filter(|index| *index < parts.len()).ok_or_else(no_such_part)?;
    let first: u64 = parts[..index].iter().sum();
    let count = i32::try_from(parts.len()).ok().filter(|_| !record.attributes.parts.is_empty());
    Ok(Wanted { within: first..first + parts[index], partial: true, parts: count })
}

/// What the headers of an answer say of an object.
pub(super) struct Shown<'r> {
    record: &'r ObjectRecord,
    pub(super) length: Option<i64>,
    pub(super) range: Option<String>,
    pub(super) parts: Option<i32>,
}

impl<'r> Shown<'r> {
    pub(super) fn of(record: &'r ObjectRecord, wanted: &Wanted) -> Self {
        let Span { start, end } = wanted.within;
        let partial = wanted.partial && end > start;
        Self {
            record,
            length: i64::try_from(end - start).ok(),
            range: partial.then(|| format!("bytes {start}-{}/{}", end - 1, record.size_bytes)),
            parts: wanted.parts,
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        self.record.attributes.headers.get(name).cloned()
    }

    /// What a header of the content says: what the request asks for, or else what is stored.
    pub(super) fn said(&self, asked: Option<String>, name: &str) -> S3Result<Option<String>> {
        match asked {
            Some(text) if !is_header(&text) => Err(no_header()),
            Some(text) => Ok(Some(text)),
            None => Ok(self.header(name).filter(|text| is_header(text))),
        }
    }

    /// The media type likewise. What was stored before media types were looked at may be none.
    pub(super) fn media_type(&self, asked: Option<String>) -> S3Result<String> {
        match asked {
            Some(text) if !is_media_type(&text) => Err(no_header()),
            Some(text) => Ok(text),
            None if is_media_type(&self.record.media_type) => Ok(self.record.media_type.clone()),
            None => Ok(MEDIA_TYPE.to_owned()),
        }
    }

    /// The header of that name, if it is a date; the uploader may have sent any text.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        Timestamp::parse(TimestampFormat::HttpDate, &self.header("expires")?).ok()
    }

    pub(super) fn metadata(&self) -> Option<Metadata> {
        let metadata = &self.record.attributes.metadata;
        Some(metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::Digest;
    use casemate_objects::{Attributes, ETag};

    use super::*;

    #[test]
    fn what_cannot_stand_in_a_header_is_not_sent() {
        let record = |media_type: &str, language: &str| ObjectRecord {
            project: "default".parse().unwrap(),
            bucket: "builds".parse().unwrap(),
            key: "a".parse().unwrap(),
            digest: Digest::of(b""),
            size_bytes: 0,
            media_type: media_type.to_owned(),
            stored: casemate_model::Timestamp::EPOCH,
            etag: ETag::of_digest(&Digest::of(b"")),
            attributes: Attributes {
                headers: [("content-language".to_owned(), language.to_owned())].into(),
                ..Attributes::default()
            },
            version: None,
        };
        let said = |record: &ObjectRecord, asked: Option<&str>| {
            let shown = Shown::of(record, &span(record, None, None).unwrap());
            let asked = asked.map(str::to_owned);
            let language = shown.said(asked.clone(), "content-language");
            shown.media_type(asked).and_then(|media_type| Ok((media_type, language?)))
        };
        let sound = record("text/plain; charset=utf-8", "de");
        let spoiled = record("text/plain\r\nx: y", "de\r\nx: y");
        assert_eq!(
            said(&sound, None).unwrap(),
            ("text/plain; charset=utf-8".to_owned(), Some("de".to_owned()))
        );
        assert_eq!(said(&spoiled, None).unwrap(), (MEDIA_TYPE.to_owned(), None));
        assert_eq!(said(&spoiled, Some("a/b")).unwrap(), ("a/b".to_owned(), Some("a/b".to_owned())));
        assert_eq!(said(&sound, Some("a\nb")).unwrap_err().code(), &S3ErrorCode::InvalidArgument);
    }
}
