use std::fmt;
use std::str::FromStr;

/// A registered name: one to eight labels joined by dots, at most 253 bytes, such as `thumbnails.acme`.
///
/// A label is 1 to 63 characters of a-z, 0-9 and inner hyphens (the letters-digits-hyphen rule of RFC 5890).
/// Labels with hyphens in the third and fourth place are refused: that form is kept for encoded Unicode
/// labels, which are not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Text that is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than a DNS name may be.
    #[error("a name has at most {} bytes, this one has {length}", Name::BYTES_MAX)]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// More labels than are allowed.
    #[error("a name has at most {} labels, this one has {count}", Name::LABELS_MAX)]
    TooManyLabels {
        /// Labels given.
        count: usize,
    },
    /// One label breaks the rule.
    #[error("`{label}` cannot be part of a name: use 1 to 63 characters of a-z, 0-9 and hyphens inside")]
    BadLabel {
        /// The offending label, cut to 80 characters.
        label: String,
    },
    /// The label is in the form that is kept for encoded Unicode.
    #[error("`{label}` is kept for encoded Unicode labels, which are not accepted yet")]
    EncodedLabel {
        /// The offending label.
        label: String,
    },
}

impl Name {
    /// Most bytes of a name (RFC 1035, section 2.3.4, less the root's length byte and dot).
    pub const BYTES_MAX: usize = 253;
    /// Most labels of a name.
    pub const LABELS_MAX: usize = 8;

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(NameError::TooLong { length: text.len() });
        }
        let count = text.split('.').count();
        if count > Self::LABELS_MAX {
            return Err(NameError::TooManyLabels { count });
        }
        for label in text.split('.') {
            if !is_label(label) {
                return Err(NameError::BadLabel { label: label.chars().take(80).collect() });
            }
            if label.as_bytes().get(2..4) == Some(b"--") {
                return Err(NameError::EncodedLabel { label: label.to_owned() });
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// Tells whether `text` is 1 to 63 characters of a-z, 0-9 and inner hyphens.
pub(crate) fn is_label(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= 63
        && edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_dns_accepts() {
        for text in ["a", "a-b", "thumbnails.acme", "0.1.2.3", &"a".repeat(63)] {
            assert_eq!(text.parse::<Name>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        let bad = |label: &str| NameError::BadLabel { label: label.to_owned() };
        for (text, error) in [
            ("", NameError::Empty),
            (".", bad("")),
            ("a..b", bad("")),
            ("-a", bad("-a")),
            ("a-", bad("a-")),
            ("A", bad("A")),
            ("pаypal", bad("pаypal")),
            ("a b", bad("a b")),
            ("a/b", bad("a/b")),
            ("xn--a", NameError::EncodedLabel { label: "xn--a".to_owned() }),
            ("a.b.c.d.e.f.g.h.i", NameError::TooManyLabels { count: 9 }),
            (&"a".repeat(254), NameError::TooLong { length: 254 }),
            (&"a".repeat(64), bad(&"a".repeat(64))),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
    }
}
