use std::fmt;
use std::str::FromStr;

/// The key of an object in its bucket: 1 to 1024 bytes of UTF-8 without control characters.
///
/// A key is never a path: it is stored as a value, and no file is named after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// Text that is no [`ObjectKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectKeyError {
    /// Nothing was given.
    #[error("an object key must not be empty")]
    Empty,
    /// Longer than S3 allows.
    #[error("an object key has at most {} bytes, this one has {length}", ObjectKey::BYTES_MAX)]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// Holds a character that would corrupt listings or terminals.
    #[error("an object key must not hold control characters (one stands at byte {position})")]
    ControlCharacter {
        /// Where the first one stands, in bytes.
        position: usize,
    },
}

impl ObjectKey {
    /// Most bytes of a key, the limit of S3.
    pub const BYTES_MAX: usize = 1024;

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = ObjectKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ObjectKeyError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(ObjectKeyError::TooLong { length: text.len() });
        }
        if let Some((position, _)) = text.char_indices().find(|(_, character)| character.is_control()) {
            return Err(ObjectKeyError::ControlCharacter { position });
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_values_not_paths() {
        for text in ["a", "../../etc/passwd", "a//b", "größe.txt", " ", &"a".repeat(1024)] {
            assert_eq!(text.parse::<ObjectKey>().map(|key| key.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refuses_empty_long_and_control() {
        assert_eq!("".parse::<ObjectKey>(), Err(ObjectKeyError::Empty));
        assert_eq!("a".repeat(1025).parse::<ObjectKey>(), Err(ObjectKeyError::TooLong { length: 1025 }));
        assert_eq!("ab\0".parse::<ObjectKey>(), Err(ObjectKeyError::ControlCharacter { position: 2 }));
        assert_eq!("a\u{9b}31m".parse::<ObjectKey>(), Err(ObjectKeyError::ControlCharacter { position: 1 }));
    }
}
