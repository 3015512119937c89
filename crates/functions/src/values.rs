use std::fmt;
use std::str::FromStr;

use casemate_model::Timestamp;

/// Most bytes of a value.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// Most values of a function.
pub const VALUES_MAX: u64 = 10_000;
/// Most bytes of all values of a function.
pub const VALUES_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of a key.
const KEY_BYTES_MAX: usize = 256;

/// What a value is kept under: 1 to 256 bytes of text without control characters, and not `.` or `..`, which programs take out of
/// addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueKey(String);

/// Text that is no [`ValueKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of a value has 1 to {KEY_BYTES_MAX} bytes and no control characters, and is not `.` or `..`")]
pub struct ValueKeyError;

/// A value without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its key.
    pub key: ValueKey,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Counts the changes of all values of the function, so that no two values of one key have the same.
    pub revision: u64,
    /// When it was set.
    pub updated: Timestamp,
}

/// Which values are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValuePage {
    /// What keys begin with.
    pub prefix: String,
    /// The last key of the page before.
    pub after: Option<ValueKey>,
    /// The most of them.
    pub limit: u32,
}

/// What must be there for a value to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueBefore {
    /// Anything or nothing.
    Anything,
    /// Nothing.
    Nothing,
    /// The value of this revision.
    Revision(u64),
}

/// What became of a change of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueChanged {
    /// It is set, with this revision.
    Set(ValueInfo),
    /// It is removed.
    Removed,
    /// There is no such function in the project.
    NoFunction,
    /// There is no such value.
    NoValue,
    /// Another value is there than the caller saw, of this revision, or none.
    Other(Option<u64>),
    /// The function has as many values as it may have, or as many bytes of them.
    Full,
}

impl ValueBefore {
    /// Whether a value of this revision, or none, is what must be there.
    pub fn allows(self, revision: Option<u64>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => revision.is_none(),
            Self::Revision(wanted) => revision == Some(wanted),
        }
    }
}

impl ValueKey {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ValueKey {
    type Err = ValueKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_path = matches!(text, "." | "..");
        if !(1..=KEY_BYTES_MAX).contains(&text.len()) || is_path || text.chars().any(char::is_control) {
            return Err(ValueKeyError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ValueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_can_be_shown() {
        for good in ["a", "a/b c", "\u{e4}", &"x".repeat(256)] {
            assert_eq!(good.parse::<ValueKey>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a\nb", "\0", "\u{7f}", "\u{85}", &"x".repeat(257)] {
            assert_eq!(bad.parse::<ValueKey>(), Err(ValueKeyError), "{bad:?}");
        }
    }

    #[test]
    fn a_change_may_say_what_it_changes() {
        assert!(ValueBefore::Anything.allows(None) && ValueBefore::Anything.allows(Some(3)));
        assert!(ValueBefore::Nothing.allows(None) && !ValueBefore::Nothing.allows(Some(3)));
        let seen = ValueBefore::Revision(3);
        assert!(seen.allows(Some(3)) && !seen.allows(Some(4)) && !seen.allows(None));
    }
}
