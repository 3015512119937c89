//! A budget for JSON from outside, checked on the bytes as they come, before anything is built from them.
//!
//! A parser that builds values first and counts later has paid already. [`JsonScanner`] costs one pass, holds the keys
//! of the objects that are open and nothing else, and refuses at the first byte over budget. It does not check that
//! the text is valid JSON: the real parser does that next, and then knows that it is small and says each thing once.

mod scanner;

use std::fmt;

pub use scanner::JsonScanner;

/// What a JSON text may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonBudget {
    /// Bytes of the text.
    pub bytes_max: usize,
    /// Nesting of arrays and objects.
    pub depth_max: usize,
    /// Values, counting every element, member and container.
    pub nodes_max: usize,
    /// Members of one object.
    pub keys_max: usize,
    /// Bytes of one key, before unescaping.
    pub key_bytes_max: usize,
    /// Bytes of one string, before unescaping.
    pub string_bytes_max: usize,
    /// Characters of one number.
    pub number_bytes_max: usize,
}

/// A JSON text was refused, and at which place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct JsonRefused {
    /// What is the matter.
    pub fault: JsonFault,
    /// The JSON pointer (RFC 6901) of the place.
    pub pointer: String,
}

/// Why a JSON text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// There is more of something than the budget has.
    TooMuch {
        /// Of what.
        of: JsonPlace,
        /// The most allowed.
        max: usize,
    },
    /// An object has two members of one name, and readers differ about which one counts.
    KeyTwice,
}

/// What a [`JsonBudget`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonPlace {
    /// Bytes of the text.
    Bytes,
    /// Levels of nesting.
    Depth,
    /// Values.
    Nodes,
    /// Members of one object.
    Keys,
    /// Bytes of one key.
    KeyBytes,
    /// Bytes of one string.
    StringBytes,
    /// Characters of one number.
    NumberBytes,
}

impl JsonBudget {
    /// What a request body may hold unless the operator says otherwise.
    pub const REQUEST: Self = Self {
        bytes_max: 256 << 10,
        depth_max: 16,
        nodes_max: 20_000,
        keys_max: 1_000,
        key_bytes_max: 1_024,
        string_bytes_max: 64 << 10,
        number_bytes_max: 64,
    };

    /// What is read back from a store or a worker may hold: more than any that is written, and an end all the same.
    pub const STORED: Self = Self {
        bytes_max: 16 << 20,
        depth_max: 16,
        nodes_max: 500_000,
        keys_max: 50_000,
        key_bytes_max: 64 << 10,
        string_bytes_max: 4 << 20,
        number_bytes_max: 64,
    };

    /// Refuses a text that is said to be longer than any may be, before it is read.
    pub fn admit_length(&self, bytes: u64) -> Result<(), JsonRefused> {
        if bytes <= self.bytes_max as u64 {
            return Ok(());
        }
        let fault = JsonFault::TooMuch { of: JsonPlace::Bytes, max: self.bytes_max };
        Err(JsonRefused { fault, pointer: String::new() })
    }

    /// Checks a whole text against the budget.
    pub fn check(&self, text: &[u8]) -> Result<(), JsonRefused> {
        JsonScanner::new(*self).feed(text)
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuch { of, max } => write!(f, "the JSON has more than {max} {of}"),
            Self::KeyTwice => f.write_str("the member is there twice"),
        }
    }
}

impl fmt::Display for JsonPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Depth => "levels of nesting",
            Self::Nodes => "values",
            Self::Keys => "members in one object",
            Self::KeyBytes => "bytes in the name of a member",
            Self::StringBytes => "bytes in one string",
            Self::NumberBytes => "characters in one number",
        })
    }
}

#[cfg(test)]
mod tests;
