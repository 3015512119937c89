use std::fmt;

use casemate_model::Digest;

/// What a cached piece of content is the content of: where it came from, and what it must hash to.
///
/// All four parts count. Content of one place is never handed out for another, even if it is the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntryKey {
    endpoint: String,
    bucket: String,
    prefix: String,
    digest: Digest,
}

/// A part of an [`EntryKey`] that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} of a cache entry has more than {PART_BYTES_MAX} bytes")]
pub struct EntryKeyError {
    part: &'static str,
}

impl EntryKey {
    /// Names the content of `digest` that came from `prefix` in `bucket` at `endpoint`.
    pub fn new(endpoint: &str, bucket: &str, prefix: &str, digest: Digest) -> Result<Self, EntryKeyError> {
        for (part, text) in [("endpoint", endpoint), ("bucket", bucket), ("prefix", prefix)] {
            if text.len() > PART_BYTES_MAX {
                return Err(EntryKeyError { part });
            }
        }
        let owned = |text: &str| text.to_owned();
        Ok(Self { endpoint: owned(endpoint), bucket: owned(bucket), prefix: owned(prefix), digest })
    }

    /// What the content must hash to.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// All four parts as bytes, each with its length, so that no two keys give the same ones.
    pub(crate) fn identity(&self) -> Vec<u8> {
        let mut identity = Vec::new();
        for part in [&self.endpoint, &self.bucket, &self.prefix] {
            let length = u32::try_from(part.len()).expect("new allows at most 4096 bytes");
            identity.extend_from_slice(&length.to_be_bytes());
            identity.extend_from_slice(part.as_bytes());
        }
        identity.extend_from_slice(self.digest.as_bytes());
        identity
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}#{}", self.endpoint, self.bucket, self.prefix, self.digest)
    }
}

/// More than any endpoint, bucket or prefix has; a key of S3 has at most 1024.
const PART_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let digest = Digest::of(b"content");
        let identity =
            |parts: [&str; 3]| EntryKey::new(parts[0], parts[1], parts[2], digest).unwrap().identity();
        assert_ne!(identity(["ab", "c", ""]), identity(["a", "bc", ""]));
        assert_ne!(identity(["a", "", "b"]), identity(["a", "b", ""]));
    }
}
