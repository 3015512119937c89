use std::fmt;
use std::str::FromStr;

use crate::address::{Address, AddressError};

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// S3, and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
    /// A directory of this machine.
    Directory,
}

/// A bucket of somebody else's, an object in it, or all objects whose keys begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteAddress {
    /// Whose it is.
    pub(crate) scheme: Scheme,
    /// The bucket, container or directory.
    pub(crate) bucket: String,
    /// What follows the bucket; may be empty.
    pub(crate) rest: String,
}

/// Why text is no address of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RemoteAddressError {
    /// Nothing follows the scheme.
    #[error("`{0}` names no bucket: expected s3://BUCKET/KEY, or file:///DIRECTORY//KEY")]
    NoBucket(String),
    /// A node's bucket where only others can be.
    #[error(
        "`{0}` is of a node, and this is for buckets elsewhere; `casemate bucket show BUCKET` shows what a node's holds"
    )]
    OfNode(String),
    /// Another scheme, or none.
    #[error(transparent)]
    Scheme(AddressError),
    /// A directory that depends on where one is.
    #[error("`{0}` names no absolute directory: expected file:///DIRECTORY//KEY, the key behind two slashes")]
    Relative(String),
    /// A key where only a bucket makes sense.
    #[error("`{0}` names more than a bucket")]
    NotABucket(String),
    /// No key where one is needed.
    #[error("`{0}` names no object")]
    NoKey(String),
}

impl RemoteAddress {
    /// Whether `text` means to be the address of such a bucket.
    pub(crate) fn is_meant_by(text: &str) -> bool {
        SCHEMES.iter().any(|(prefix, _)| text.starts_with(prefix))
    }

    /// Whether it is a directory of this machine.
    pub(crate) fn is_directory(&self) -> bool {
        self.scheme == Scheme::Directory
    }

    /// The address of another key in the same bucket.
    pub(crate) fn at(&self, key: &str) -> Self {
        Self { rest: key.to_owned(), ..self.clone() }
    }

    /// The same, which must name a bucket and nothing in it.
    pub(crate) fn whole_bucket(&self) -> Result<&Self, RemoteAddressError> {
        if self.rest.is_empty() { Ok(self) } else { Err(RemoteAddressError::NotABucket(self.to_string())) }
    }

    /// Whether everything beneath is meant, and not one object.
    pub(crate) fn is_folder(&self) -> bool {
        self.rest.is_empty() || self.rest.ends_with('/')
    }

    /// The beginning of all keys beneath the address, taken as a folder.
    pub(crate) fn folder(&self) -> String {
        if self.is_folder() { self.rest.clone() } else { format!("{}/", self.rest) }
    }
}

impl FromStr for RemoteAddress {
    type Err = RemoteAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let none = || RemoteAddressError::NoBucket(text.chars().take(120).collect());
        let found = SCHEMES.iter().find_map(|(prefix, scheme)| Some((text.strip_prefix(prefix)?, *scheme)));
        let (path, scheme) = match found {
            Some(found) => found,
            None if Address::is_meant_by(text) => {
                return Err(RemoteAddressError::OfNode(text.chars().take(120).collect()));
            }
            None => {
                return Err(RemoteAddressError::Scheme(AddressError::Scheme(
                    text.chars().take(120).collect(),
                )));
            }
        };
        let (bucket, rest) = match scheme {
            Scheme::Directory if !path.starts_with('/') => {
                return Err(RemoteAddressError::Relative(text.chars().take(120).collect()));
            }
            Scheme::Directory => {
                let (directory, key) = path.split_once("//").unwrap_or((path, ""));
                (directory.trim_end_matches('/'), key)
            }
            Scheme::S3 | Scheme::Google | Scheme::Azure => path.split_once('/').unwrap_or((path, "")),
        };
        // One bucket has one name, by which a move onto itself is noticed.
        let is_odd = scheme == Scheme::Directory && bucket.split('/').any(|part| matches!(part, "." | ".."));
        if bucket.is_empty() || is_odd {
            return Err(none());
        }
        Ok(Self { scheme, bucket: bucket.to_owned(), rest: rest.to_owned() })
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, bucket, rest } = self;
        match scheme {
            Scheme::S3 => write!(f, "s3://{bucket}/{rest}"),
            Scheme::Google => write!(f, "gs://{bucket}/{rest}"),
            Scheme::Azure => write!(f, "az://{bucket}/{rest}"),
            Scheme::Directory => write!(f, "file://{bucket}//{rest}"),
        }
    }
}

/// An address of a node's bucket, or of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AnyAddress {
    /// At a node.
    Node(Address),
    /// Elsewhere.
    Remote(RemoteAddress),
}

/// Text that is neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnyAddressError {
    /// It means to be at a node, or means nothing.
    #[error(transparent)]
    Node(AddressError),
    /// It means to be elsewhere.
    #[error(transparent)]
    Remote(RemoteAddressError),
}

impl FromStr for AnyAddress {
    type Err = AnyAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if RemoteAddress::is_meant_by(text) {
            return text.parse().map(Self::Remote).map_err(AnyAddressError::Remote);
        }
        text.parse().map(Self::Node).map_err(AnyAddressError::Node)
    }
}

const SCHEMES: [(&str, Scheme); 4] = [
    ("s3://", Scheme::S3),
    ("gs://", Scheme::Google),
    ("az://", Scheme::Azure),
    ("file://", Scheme::Directory),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_buckets() {
        let address: RemoteAddress = "s3://b/p/a.zip".parse().unwrap();
        assert_eq!((address.bucket.as_str(), address.rest.as_str()), ("b", "p/a.zip"));
        assert_eq!(address.folder(), "p/a.zip/");
        let address: RemoteAddress = "file:///srv/b//p/a.zip".parse().unwrap();
        assert_eq!((address.bucket.as_str(), address.rest.as_str()), ("/srv/b", "p/a.zip"));
        assert_eq!(address.to_string(), "file:///srv/b//p/a.zip");
        assert!("file:///srv/b/".parse::<RemoteAddress>().unwrap().is_folder());
        for text in ["s3://", "s3:///k", "file://b/k", "file:///a/../b", "http://b/k"] {
            assert!(text.parse::<RemoteAddress>().is_err(), "{text}");
        }
    }
}
