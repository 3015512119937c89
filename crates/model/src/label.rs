use std::fmt;
use std::str::FromStr;

/// A short name within something: 1 to 63 characters of a-z, 0-9 and inner hyphens, as of a machine in its project or of a disk
/// in its machine. No id is one, as ids have an underscore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// Text that is no [`Label`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label: use 1 to 63 characters of a-z, 0-9 and hyphens inside")]
pub struct LabelError(String);

impl Label {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        if crate::name::is_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(LabelError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_of_one_form() {
        for text in ["a", "web", "web-1", "0", &"a".repeat(63)] {
            assert_eq!(text.parse::<Label>().map(|label| label.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "-a", "a-", "A", "a.b", "a_b", "a,b", "ä", "a\n", &"a".repeat(64)] {
            assert_eq!(text.parse::<Label>(), Err(LabelError(text.to_owned())), "{text}");
        }
    }
}
