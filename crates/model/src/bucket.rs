use std::fmt;
use std::str::FromStr;

/// A bucket: 3 to 63 characters of a-z, 0-9, inner hyphens and single inner dots (the rule of S3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(String);

/// Text that is no [`BucketName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a bucket: use 3 to 63 characters of a-z, 0-9, hyphens and single dots inside")]
pub struct BucketNameError(String);

impl BucketName {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BucketName {
    type Err = BucketNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let labels_hold = text.split('.').all(crate::name::is_label);
        // An address in a host header would be ambiguous, so S3 refuses such buckets too.
        let address = text.parse::<std::net::Ipv4Addr>().is_ok();
        if (3..=63).contains(&text.len()) && labels_hold && !address {
            return Ok(Self(text.to_owned()));
        }
        Err(BucketNameError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_rule_of_s3() {
        for text in ["abc", "my-builds", "a.b.c", &"a".repeat(63)] {
            assert_eq!(text.parse::<BucketName>().map(|bucket| bucket.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "ab", "a..b", "-ab", "ab-", "Abc", "a_b", "127.0.0.1", &"a".repeat(64), "a/b", ".."]
        {
            assert_eq!(text.parse::<BucketName>(), Err(BucketNameError(text.to_owned())));
        }
    }
}
