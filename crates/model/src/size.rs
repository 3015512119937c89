use std::fmt;
use std::str::FromStr;

/// A number of bytes. Text forms take the binary units KiB, MiB, GiB and TiB: `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Text that is no [`ByteSize`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a size: use a whole number with an optional unit B, KiB, MiB, GiB or TiB, such as 64MiB"
)]
pub struct ByteSizeError(String);

const UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    /// A size in bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size in KiB (1,024 bytes).
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// A size in MiB (1,048,576 bytes).
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The size in bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    /// Writes an exact text form where a unit divides the size, else one decimal of the next lower unit.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rounded figure for people; exact sizes take the other branch"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = UNITS.into_iter().find(|(_, scale)| self.0 >= *scale).unwrap_or(("B", 1));
        if self.0.is_multiple_of(scale) {
            return write!(f, "{}{unit}", self.0 / scale);
        }
        write!(f, "{:.1}{unit}", self.0 as f64 / scale as f64)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ByteSizeError(text.chars().take(40).collect());
        let (number, scale) = UNITS
            .into_iter()
            .find_map(|(unit, scale)| text.strip_suffix(unit).map(|number| (number, scale)))
            .unwrap_or((text, 1));
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(bad());
        }
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(scale).map(Self).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        for (text, bytes) in [("0", 0), ("17", 17), ("17B", 17), ("64MiB", 64 << 20), ("1TiB", 1 << 40)] {
            assert_eq!(text.parse(), Ok(ByteSize::bytes(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1", "+1", "1.5MiB", "1MB", "1 MiB", "99999999999TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(ByteSizeError(text.to_owned())));
        }
        assert_eq!(ByteSize::mib(64).to_string(), "64MiB");
        assert_eq!(ByteSize::bytes(1536).to_string(), "1.5KiB");
        assert_eq!(ByteSize::bytes(0).to_string(), "0B");
    }
}
