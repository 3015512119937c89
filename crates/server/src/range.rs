//! Which part of a content a client asks for (RFC 9110, section 14).

use std::ops::Range;

use http::{HeaderMap, header};

/// What a `Range` header asks of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All of it: no range, several, one of other units, or one of another content.
    Whole,
    /// This part.
    Part(Range<u64>),
    /// A part that it does not have.
    Nothing,
}

/// Reads what is asked of `size_bytes` of content with the entity tag `tag`.
pub(crate) fn asked(headers: &HeaderMap, tag: &str, size_bytes: u64) -> Asked {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    // Whoever goes on with other content wants all of it anew.
    if text(header::IF_RANGE).is_some_and(|known| known != tag) {
        return Asked::Whole;
    }
    let Some(span) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let Some((first, last)) = span.split_once('-') else {
        return Asked::Whole;
    };
    let within = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size_bytes),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size_bytes,
        (Err(_), Ok(count)) if first.trim().is_empty() => size_bytes.saturating_sub(count)..size_bytes,
        _ => return Asked::Whole,
    };
    if within.is_empty() { Asked::Nothing } else { Asked::Part(within) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, if_range: Option<&str>) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        if let Some(tag) = if_range {
            headers.insert(header::IF_RANGE, tag.parse().unwrap());
        }
        asked(&headers, "\"tag\"", 10)
    }

    #[test]
    fn ranges_are_read_as_they_are_meant() {
        for (range, wanted) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=3-", Asked::Part(3..10)),
            ("bytes=3-99", Asked::Part(3..10)),
            ("bytes=-4", Asked::Part(6..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=0-18446744073709551615", Asked::Part(0..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-3", Asked::Whole),
            ("bytes=1-2,4-5", Asked::Whole),
            ("bytes=x-y", Asked::Whole),
            ("lines=1-2", Asked::Whole),
        ] {
            assert_eq!(of(range, None), wanted, "{range}");
        }
        assert_eq!(of("bytes=3-", Some("\"tag\"")), Asked::Part(3..10));
        assert_eq!(of("bytes=3-", Some("\"other\"")), Asked::Whole);
        assert_eq!(asked(&HeaderMap::new(), "\"tag\"", 10), Asked::Whole);
    }
}
