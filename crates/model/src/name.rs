use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_security::{GeneralSecurityProfile, MixedScript};

/// A registered name: one to eight labels joined by dots, at most 253 bytes, such as `thumbnails.acme`. A dot at its end says
/// nothing and is taken away.
///
/// A label is 1 to 63 characters of a-z, 0-9 and inner hyphens (the letters-digits-hyphen rule of RFC 5890). One with hyphens in
/// the third and fourth place is an A-label, `xn--…`: it stands for Unicode of one script, and is the only text that does so
/// (UTS 46, non-transitional). The last label is the one that is told from others' in the first place: it has three characters
/// or more and is no number, so that no name looks like an address.
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
    #[error("`{label}` cannot be part of a name: {}", advice(label))]
    BadLabel {
        /// The offending label, cut to 80 characters.
        label: String,
    },
    /// The label has the form of encoded Unicode, and is none, or not the one way to write it.
    #[error(
        "`{label}` has hyphens in the third and fourth place, and is not Unicode as IDNA (UTS 46) encodes it"
    )]
    EncodedLabel {
        /// The offending label.
        label: String,
    },
    /// The label stands for characters that are not to be told from others, or that are mixed to look like others.
    #[error(
        "`{label}` stands for `{unicode}`, which is not of one script, or not of characters for names (UTS 39)"
    )]
    Deceptive {
        /// The offending label.
        label: String,
        /// What it stands for.
        unicode: String,
    },
    /// The last label is too short, or a number.
    #[error(
        "a name cannot end in `{label}`: its last part has {} characters or more, and is no number",
        Name::TOP_LENGTH_MIN
    )]
    BadTop {
        /// The offending label.
        label: String,
    },
}

impl Name {
    /// Most bytes of a name (RFC 1035, section 2.3.4, less the root's length byte and dot).
    pub const BYTES_MAX: usize = 253;
    /// Most labels of a name.
    pub const LABELS_MAX: usize = 8;
    /// Fewest characters of the last label.
    pub const TOP_LENGTH_MIN: usize = 3;

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels, in the order in which they are written.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// The names that this one is below, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.match_indices('.').map(|(dot, _)| Self(self.0[dot + 1..].to_owned()))
    }

    /// The last label, as a name.
    pub fn top(&self) -> Self {
        Self(self.0.rsplit('.').next().unwrap_or_default().to_owned())
    }

    /// The characters backwards: of names that are below one, all begin alike.
    pub fn reversed(&self) -> String {
        self.0.chars().rev().collect()
    }

    /// As people read it: with Unicode in the place of what encodes it.
    pub fn to_unicode(&self) -> Cow<'_, str> {
        Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow).0
    }

    /// What it looks like: names that are mistaken for each other have the same (UTS 39, section 4). Names have no capitals, and
    /// what looks like a capital looks like its small letter here: `0` is like `O`, and so like `o`.
    pub fn skeleton(&self) -> String {
        unicode_security::skeleton(&self.to_unicode()).flat_map(char::to_lowercase).collect()
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
        let text = text.strip_suffix('.').unwrap_or(text);
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
        text.split('.').try_for_each(check_label)?;
        let top = text.rsplit('.').next().unwrap_or_default();
        // As browsers read them (WHATWG URL, 3.5): `0x7f` ends an address as `127` does.
        let hexadecimal =
            top.strip_prefix("0x").map(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let is_number = top.bytes().all(|byte| byte.is_ascii_digit()) || hexadecimal == Some(true);
        if top.len() < Self::TOP_LENGTH_MIN || is_number {
            return Err(NameError::BadTop { label: top.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_label(label: &str) -> Result<(), NameError> {
    if !is_label(label) {
        return Err(NameError::BadLabel { label: label.chars().take(80).collect() });
    }
    if label.as_bytes().get(2..4) == Some(b"--") { check_encoded(label) } else { Ok(()) }
}

/// Refuses an A-label that another text encodes better, or that stands for what names are not made of.
fn check_encoded(label: &str) -> Result<(), NameError> {
    let malformed = || NameError::EncodedLabel { label: label.to_owned() };
    let (unicode, decoded) = Uts46::new().to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    let back =
        Uts46::new().to_ascii(unicode.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    if decoded.is_err() || unicode.is_ascii() || back.ok().as_deref() != Some(label) {
        return Err(malformed());
    }
    let is_allowed = |character: char| {
        character == '-' || character.is_ascii_alphanumeric() || character.identifier_allowed()
    };
    if unicode.chars().all(is_allowed) && unicode.is_single_script() {
        return Ok(());
    }
    Err(NameError::Deceptive { label: label.to_owned(), unicode: unicode.into_owned() })
}

/// What to write in the place of a label that is none.
fn advice(label: &str) -> Cow<'static, str> {
    if label.is_empty() {
        return "two dots stand beside each other, or one at the beginning".into();
    }
    let encoded =
        Uts46::new().to_ascii(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    match encoded {
        Ok(encoded) if !label.is_ascii() => format!("write it as DNS does, `{encoded}`").into(),
        _ => "use 1 to 63 characters of a-z, 0-9 and hyphens inside".into(),
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
mod tests;
