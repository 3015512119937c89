use std::path::{Path, PathBuf};

use super::{RemoteAddress, RemoteAddressError};
use crate::address::{Address, AddressError, names_scheme};
use crate::report::CliError;

/// Where a copy begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard input or output.
    Pipe,
    /// A file or directory of this machine.
    File(PathBuf),
    /// Objects of a node.
    Node(Address),
    /// Objects elsewhere.
    Remote(RemoteAddress),
}

impl Place {
    /// Whether it is a file of this machine, by path or as an object of a directory.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Remote(address) => address.is_directory(),
            Self::Pipe | Self::Node(_) => false,
        }
    }

    /// Reads what a command line says.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        if text == "-" {
            return Ok(Self::Pipe);
        }
        if RemoteAddress::is_meant_by(text) {
            return Ok(Self::Remote(text.parse()?));
        }
        if Address::is_meant_by(text) {
            return Ok(Self::Node(text.parse()?));
        }
        if names_scheme(text) {
            return Err(AddressError::Scheme(text.chars().take(120).collect()).into());
        }
        Ok(Self::File(PathBuf::from(text)))
    }

    /// Refuses a directory, or all objects below an address, where one file is to be copied.
    pub(crate) fn refuse_directory(&self) -> Result<(), CliError> {
        match self {
            Self::File(path) if casemate_fs::open_user_dir(path).is_ok() => {
                Err(CliError::NeedsRecursive { address: path.display().to_string() })
            }
            Self::Node(address) if address.rest.is_empty() || address.rest.ends_with('/') => {
                Err(CliError::NeedsRecursive { address: address.to_string() })
            }
            Self::Pipe | Self::File(_) | Self::Node(_) | Self::Remote(_) => Ok(()),
        }
    }

    /// What is above the one file that the place names, and its name.
    pub(crate) fn split(&self) -> Result<(Self, String), CliError> {
        match self {
            Self::Pipe => Ok((Self::Pipe, String::new())),
            Self::File(path) => {
                let name = path.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| CliError::PathNotText { path: path.clone() })?;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                Ok((Self::File(parent.unwrap_or(Path::new(".")).to_owned()), name.to_owned()))
            }
            Self::Node(address) => {
                let (folder, name) = split_key(&address.rest);
                if name.is_empty() {
                    return Err(AddressError::Scheme(address.to_string()).into());
                }
                let above = Address { bucket: address.bucket.clone(), rest: folder.to_owned() };
                Ok((Self::Node(above), name.to_owned()))
            }
            Self::Remote(address) => {
                let (folder, name) = split_key(&address.rest);
                if name.is_empty() {
                    return Err(RemoteAddressError::NoKey(address.to_string()).into());
                }
                Ok((Self::Remote(address.at(folder)), name.to_owned()))
            }
        }
    }

    /// The same for a target: a folder takes a file under the name that it has.
    pub(crate) fn split_for(&self, name: &str) -> Result<(Self, String), CliError> {
        let is_folder = match self {
            Self::Pipe => true,
            Self::File(path) => {
                path.as_os_str().as_encoded_bytes().ends_with(b"/")
                    || casemate_fs::open_user_dir(path).is_ok()
            }
            Self::Node(address) => address.rest.is_empty() || address.rest.ends_with('/'),
            Self::Remote(address) => address.is_folder(),
        };
        if is_folder { Ok((self.clone(), name.to_owned())) } else { self.split() }
    }

    /// The place as a folder of many.
    pub(crate) fn folder(&self) -> Self {
        match self {
            Self::Node(address) if !address.rest.is_empty() && !address.rest.ends_with('/') => {
                let rest = format!("{}/", address.rest);
                Self::Node(Address { bucket: address.bucket.clone(), rest })
            }
            Self::Remote(address) => Self::Remote(address.at(&address.folder())),
            Self::Pipe | Self::File(_) | Self::Node(_) => self.clone(),
        }
    }
}

fn split_key(key: &str) -> (&str, &str) {
    key.rfind('/').map_or(("", key), |slash| key.split_at(slash + 1))
}
