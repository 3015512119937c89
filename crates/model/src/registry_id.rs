use std::fmt;
use std::str::FromStr;

/// Tells one registry of names from all others: 128 random bits, drawn when its database was made. Text form: 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryId(u128);

/// Text that is no [`RegistryId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no registry: expected 32 hex digits in lower case")]
pub struct RegistryIdError(String);

impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RegistryId {
    type Err = RegistryIdError;

    fn from_str(text: &str) -> Result<Self, RegistryIdError> {
        let id = u128::from_str_radix(text, 16).map(Self).ok().filter(|id| id.to_string() == text);
        id.ok_or_else(|| RegistryIdError(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_registry_has_one_spelling() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(text.parse::<RegistryId>().unwrap().to_string(), text);
        for bad in ["", "0", "+0112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF"] {
            bad.parse::<RegistryId>().expect_err(bad);
        }
    }
}
