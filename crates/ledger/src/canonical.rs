//! The canonical binary encoding that entries and receipts share.
//!
//! ```text
//!   value  = magic (4 bytes) version (1 byte) fields…          numbers are big-endian
//!   text   = length (u16) UTF-8                                 no control, no reordering characters
//!   digest = 32 bytes
//! ```
//!
//! One value has one encoding: a decoder takes exactly what the encoder writes.

use std::fmt::Display;
use std::str::FromStr;

use casemate_model::{Digest, Timestamp};

use crate::text::is_plain;

/// Why a value has no canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text or list is longer than its cap.
    #[error("the field `{field}` may hold at most {max}, not {length}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length in bytes or items.
        length: usize,
        /// The cap.
        max: usize,
    },
    /// A text holds a character that could steer a terminal.
    #[error("the field `{field}` must not hold control or text-reordering characters")]
    NotPlain {
        /// The field.
        field: &'static str,
    },
    /// A list is not sorted by its keys, or holds a key twice.
    #[error("the field `{field}` must be sorted and hold each key once, unlike `{key}`")]
    NotSorted {
        /// The field.
        field: &'static str,
        /// The key that stands wrongly.
        key: String,
    },
}

/// Why bytes are no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Another kind of thing, or another version of it.
    #[error("these bytes are not a {noun} of version {version}")]
    Kind {
        /// What was expected.
        noun: &'static str,
        /// The version expected.
        version: u8,
    },
    /// More bytes than such a value can have.
    #[error("{length} bytes are too many, at most {max} are possible")]
    TooLarge {
        /// Bytes given.
        length: usize,
        /// The cap.
        max: usize,
    },
    /// The bytes end within a field.
    #[error("the bytes end within the field `{field}`")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("{count} bytes follow the last field")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A field holds what it cannot hold.
    #[error("the field `{field}` does not hold a value that it can have")]
    Value {
        /// The field.
        field: &'static str,
    },
}

/// What a kind of value starts with, and how large it may get.
pub(crate) struct Kind {
    pub noun: &'static str,
    pub magic: [u8; 4],
    pub version: u8,
    pub bytes_max: usize,
}

/// Builds canonical bytes field by field.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(kind: &Kind) -> Self {
        let mut bytes = kind.magic.to_vec();
        bytes.push(kind.version);
        Self { bytes }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn digest(&mut self, digest: &Digest) {
        self.raw(digest.as_bytes());
    }

    pub(crate) fn time(&mut self, time: Timestamp) {
        self.u64(time.as_millis());
    }

    /// Writes a value whose text form is short and plain by its type, such as an id.
    pub(crate) fn display(&mut self, value: &impl Display) {
        let text = value.to_string();
        self.u16(u16::try_from(text.len()).expect("ids and projects are short"));
        self.raw(text.as_bytes());
    }

    pub(crate) fn text(&mut self, field: &'static str, text: &str, max: usize) -> Result<(), EncodeError> {
        self.count(field, text.len(), max)?;
        if !text.chars().all(is_plain) {
            return Err(EncodeError::NotPlain { field });
        }
        self.raw(text.as_bytes());
        Ok(())
    }

    /// Writes how many bytes or items of `field` follow.
    pub(crate) fn count(
        &mut self,
        field: &'static str,
        length: usize,
        max: usize,
    ) -> Result<(), EncodeError> {
        match u16::try_from(length) {
            Ok(count) if length <= max => {
                self.u16(count);
                Ok(())
            }
            Ok(_) | Err(_) => Err(EncodeError::TooLong { field, length, max }),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes canonical bytes apart field by field.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: &Kind, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > kind.bytes_max {
            return Err(DecodeError::TooLarge { length: bytes.len(), max: kind.bytes_max });
        }
        let other = DecodeError::Kind { noun: kind.noun, version: kind.version };
        let rest = bytes.strip_prefix(&kind.magic).and_then(|rest| rest.strip_prefix(&[kind.version]));
        Ok(Self { rest: rest.ok_or(other)? })
    }

    pub(crate) fn raw(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn digest(&mut self, field: &'static str) -> Result<Digest, DecodeError> {
        Ok(Digest::from_bytes(self.array(field)?))
    }

    pub(crate) fn time(&mut self, field: &'static str) -> Result<Timestamp, DecodeError> {
        Timestamp::from_millis(self.u64(field)?).map_err(|_| DecodeError::Value { field })
    }

    /// Reads a value that has one text form; another spelling of it is refused.
    pub(crate) fn display<T: FromStr + Display>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        let text = self.text(field, DISPLAY_BYTES_MAX)?;
        let value: T = text.parse().map_err(|_| DecodeError::Value { field })?;
        if value.to_string() != text {
            return Err(DecodeError::Value { field });
        }
        Ok(value)
    }

    pub(crate) fn text(&mut self, field: &'static str, max: usize) -> Result<&'a str, DecodeError> {
        let count = self.count(field, max)?;
        let text = std::str::from_utf8(self.raw(field, count)?).ok();
        text.filter(|text| text.chars().all(is_plain)).ok_or(DecodeError::Value { field })
    }

    /// Reads how many bytes or items of `field` follow.
    pub(crate) fn count(&mut self, field: &'static str, max: usize) -> Result<usize, DecodeError> {
        let count = usize::from(u16::from_be_bytes(self.array(field)?));
        if count > max {
            return Err(DecodeError::Value { field });
        }
        Ok(count)
    }

    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(DecodeError::Trailing { count: self.rest.len() })
    }
}

/// Checks that `keys` rise strictly.
pub(crate) fn first_unsorted<'a>(keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut former: Option<&str> = None;
    for key in keys {
        if former.is_some_and(|former| former >= key) {
            return Some(key);
        }
        former = Some(key);
    }
    None
}

/// Longest text form of an id, project or principal: `session:` and an id.
const DISPLAY_BYTES_MAX: usize = 64;
