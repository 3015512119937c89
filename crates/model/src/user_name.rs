use std::fmt;
use std::str::FromStr;

/// What a user signs in as: 1 to 32 characters of a-z, 0-9, inner dots, hyphens and underscores.
///
/// Capitals are folded, and there are no letters but these, so that no two names look alike by their script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// Text that is no [`UserName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a user name: use 1 to 32 characters of a-z, 0-9, and dots, hyphens and underscores inside"
)]
pub struct UserNameError(String);

impl UserName {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let ends = [text.bytes().next(), text.bytes().next_back()];
        let ends_hold = ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()));
        if text.len() <= 32 && ends_hold && text.bytes().all(inside) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(UserNameError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_of_one_script() {
        for (text, folded) in [("Ada", "ada"), ("ada.l_1-x", "ada.l_1-x"), ("7", "7")] {
            assert_eq!(text.parse::<UserName>().map(|name| name.to_string()), Ok(folded.to_owned()));
        }
        // The second `а` is Cyrillic, and the `ı` has no dot.
        for text in ["", "аda", "adа", "ı", "a b", ".a", "a.", "-", "a@b", "a\0", &"a".repeat(33)] {
            assert_eq!(text.parse::<UserName>(), Err(UserNameError(text.chars().take(40).collect())));
        }
    }
}
