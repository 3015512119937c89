use std::fmt;
use std::str::FromStr;

use casemate_api::objects::ObjectRef;
use casemate_model::{
    BucketName, BucketNameError, Digest, DigestError, Name, NameError, ObjectKey, ObjectKeyError,
};

/// The scheme of objects' addresses.
const SCHEME: &str = "cm://";

/// The address of an object, of a bucket, or of all objects of a bucket whose keys begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The bucket.
    pub(crate) bucket: BucketName,
    /// What follows the bucket; may be empty.
    pub(crate) rest: String,
}

/// Why text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// Another scheme, or none.
    #[error("`{0}` {reason}", reason = no_address(.0))]
    Scheme(String),
    /// The bucket cannot be one.
    #[error(transparent)]
    Bucket(BucketNameError),
    /// The key cannot be one.
    #[error("`{address}` does not name an object")]
    Key {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        source: ObjectKeyError,
    },
}

impl Address {
    /// Whether `text` means to be an address.
    pub(crate) fn is_meant_by(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The object at exactly this address.
    pub(crate) fn object(&self) -> Result<ObjectRef, AddressError> {
        let key: ObjectKey =
            self.rest.parse().map_err(|source| AddressError::Key { address: self.to_string(), source })?;
        Ok(ObjectRef { bucket: self.bucket.to_string(), key: key.to_string() })
    }

    /// The object that a file called `file_name` becomes: an address that ends in a slash is a place for it.
    pub(crate) fn object_for(&self, file_name: &str) -> Result<ObjectRef, AddressError> {
        if !self.rest.is_empty() && !self.rest.ends_with('/') {
            return self.object();
        }
        Self { bucket: self.bucket.clone(), rest: format!("{}{file_name}", self.rest) }.object()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scheme = || AddressError::Scheme(text.chars().take(120).collect());
        let path = text.strip_prefix(SCHEME).ok_or_else(scheme)?;
        let (bucket, rest) = path.split_once('/').unwrap_or((path, ""));
        Ok(Self { bucket: bucket.parse().map_err(AddressError::Bucket)?, rest: rest.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.rest)
    }
}

/// Whether text means to begin with a scheme: one that anybody knows, or one of ours with a slash too few.
pub(crate) fn names_scheme(text: &str) -> bool {
    scheme_of(text).is_some()
}

/// The scheme that text begins with, and what follows it and its slashes.
fn scheme_of(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(":/")?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_meant = rest.starts_with('/') || SCHEMES.contains(&scheme) || scheme == "casemate";
    (is_scheme && is_meant).then_some((scheme, rest.trim_start_matches('/')))
}

/// What is wrong with text that is no address.
fn no_address(text: &str) -> String {
    match scheme_of(text) {
        Some(("casemate", rest)) => format!("is no address: objects of a node are at {SCHEME}{rest}"),
        Some(("file", rest)) => {
            format!("is no address: a directory has three slashes, as in file:///{rest}")
        }
        Some((scheme, rest)) if SCHEMES.contains(&scheme) => {
            format!("cannot be used here, or has a slash too few: {scheme}://{rest}")
        }
        Some((scheme, _)) => {
            format!("has the unknown scheme `{scheme}`: expected cm://, s3://, gs://, az:// or file:///")
        }
        None => {
            let guess = format!("{SCHEME}{text}");
            let such_as = match guess.parse::<Address>() {
                Ok(_) => format!(", such as {guess}"),
                Err(_) => String::new(),
            };
            format!("is not the address of an object: expected cm://BUCKET/KEY{such_as}")
        }
    }
}

/// The schemes of addresses.
const SCHEMES: [&str; 5] = ["cm", "s3", "gs", "az", "file"];

/// Reads the name of a bucket, also as its address, because lists show that.
pub(crate) fn bucket_name(text: &str) -> Result<BucketName, BucketNameError> {
    let name = text.strip_prefix(SCHEME).map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    name.unwrap_or(text).parse()
}

/// Writes the address of an object.
pub(crate) fn of_object(bucket: &str, key: &str) -> String {
    format!("{SCHEME}{bucket}/{key}")
}

/// Stored content, as a command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// By its digest.
    Digest(Digest),
    /// By the address of an object.
    Object(Address),
}

/// Text that names no stored content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContentError {
    /// It begins like a digest.
    #[error(transparent)]
    Digest(DigestError),
    /// It is no address either.
    #[error(transparent)]
    Address(AddressError),
}

impl FromStr for Content {
    type Err = ContentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Digest).map_err(ContentError::Digest);
        }
        text.parse().map(Self::Object).map_err(ContentError::Address)
    }
}

/// A module, as a command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// A file of this machine.
    File(String),
    /// What a name means.
    Name(Name),
    /// Stored content.
    Content(Content),
}

/// Text that names no module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModuleError {
    /// It means to be stored content.
    #[error(transparent)]
    Content(ContentError),
    /// It can only be a name, and is none.
    #[error("{0}; write a file with a slash or with its ending: ./FILE or FILE.wasm")]
    Name(NameError),
}

impl FromStr for Module {
    type Err = ModuleError;

    /// A digest or address by its beginning; a file by a slash or its ending; otherwise a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("sha256:") || Address::is_meant_by(text) {
            return text.parse().map(Self::Content).map_err(ModuleError::Content);
        }
        let is_file = text.contains('/') || [".wasm", ".wat"].iter().any(|ending| text.ends_with(ending));
        if is_file {
            return Ok(Self::File(text.to_owned()));
        }
        text.parse().map(Self::Name).map_err(ModuleError::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_objects() {
        let address: Address = "cm://builds/app/1.wasm".parse().unwrap();
        let object = address.object().unwrap();
        assert_eq!((object.bucket.as_str(), object.key.as_str()), ("builds", "app/1.wasm"));
        assert_eq!(address.object_for("x").unwrap(), object);
        let place: Address = "cm://builds/app/".parse().unwrap();
        assert_eq!(place.object_for("x.wasm").unwrap().key, "app/x.wasm");
        let bucket: Address = "cm://builds".parse().unwrap();
        assert_eq!(bucket.object_for("x.wasm").unwrap().key, "x.wasm");
        assert!(matches!(bucket.object(), Err(AddressError::Key { .. })));
        assert_eq!("builds/x".parse::<Address>(), Err(AddressError::Scheme("builds/x".to_owned())));
        assert!(matches!("cm://No/x".parse::<Address>(), Err(AddressError::Bucket(_))));
    }

    #[test]
    fn text_that_is_no_address() {
        for (text, says) in [
            (
                "builds",
                "`builds` is not the address of an object: expected cm://BUCKET/KEY, such as cm://builds",
            ),
            ("No", "`No` is not the address of an object: expected cm://BUCKET/KEY"),
            ("casemate://b/k", "`casemate://b/k` is no address: objects of a node are at cm://b/k"),
            ("s3:/b", "`s3:/b` cannot be used here, or has a slash too few: s3://b"),
            (
                "ftp://b",
                "`ftp://b` has the unknown scheme `ftp`: expected cm://, s3://, gs://, az:// or file:///",
            ),
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err().to_string(), says);
        }
        assert!(!names_scheme("a:/b") && !names_scheme("./s3:/b") && !names_scheme("dir:/b"));
        assert_eq!(bucket_name("cm://builds/"), "builds".parse());
        assert_eq!(bucket_name("cm://builds/a"), "builds/a".parse());
    }

    #[test]
    fn modules_are_told_apart_by_their_looks() {
        assert_eq!("./app".parse(), Ok(Module::File("./app".to_owned())));
        assert_eq!("app.wasm".parse(), Ok(Module::File("app.wasm".to_owned())));
        assert_eq!("app.tools".parse(), Ok(Module::Name("app.tools".parse().unwrap())));
        assert!(matches!("cm://b-b/k".parse(), Ok(Module::Content(Content::Object(_)))));
        assert!(matches!("sha256:00".parse::<Module>(), Err(ModuleError::Content(ContentError::Digest(_)))));
        assert!(matches!("App_1".parse::<Module>(), Err(ModuleError::Name(_))));
    }
}
