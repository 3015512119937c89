//! Whether stored content is encrypted, and the file that holds the key it is encrypted under.

use std::sync::Arc;

use casemate_encryption::{ContentKey, KeyFileError, MasterKey, NONCE_BYTES, RootKey};
use casemate_fs::{Dir, FsError};
use casemate_model::{Entropy, Project};
use zeroize::Zeroizing;

/// The file of the root key, in the directory of objects.
pub(crate) const KEY_FILE: &str = "encryption.key";

/// How long it can be.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The operator's keys: the one under which the root key is kept, and the one under which it was before.
#[derive(Clone, Debug, Default)]
pub struct MasterKeys {
    /// The key. Without one, content is not encrypted.
    pub current: Option<MasterKey>,
    /// The key that it replaces.
    pub former: Option<MasterKey>,
}

/// Encrypts what is stored, each project's under a key of its own.
#[derive(Clone)]
pub struct Encryption {
    root: Arc<RootKey>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Why the key of stored content cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    /// Content here is encrypted, and no master key is given.
    #[error("the stored content is encrypted, and no key is given for it")]
    NoMasterKey,
    /// The root key cannot be opened.
    #[error("`objects/encryption.key` cannot be opened")]
    Key(#[source] KeyFileError),
    /// The file of the root key could not be read or written.
    #[error("the file of the encryption key failed")]
    Files(#[source] FsError),
}

/// What opening the key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// There was no key, and there is one now.
    Made,
    /// It was wrapped under the former master key, and is wrapped under the current one now.
    Rewrapped,
}

impl KeyChange {
    /// What opening the key is about to do, so that it can be recorded before it is done.
    pub fn ahead(directory: &Dir, masters: &MasterKeys) -> Result<Option<Self>, EncryptionError> {
        match (read_key_file(directory)?, &masters.current) {
            (None, None) => Ok(None),
            (None, Some(_)) => Ok(Some(Self::Made)),
            (Some(_), None) => Err(EncryptionError::NoMasterKey),
            (Some(text), Some(current)) => {
                let (_, at) = unwrap(&text, current, masters.former.as_ref())?;
                Ok((at > 0).then_some(Self::Rewrapped))
            }
        }
    }

    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Rewrapped => "wrapped anew",
        }
    }
}

impl Encryption {
    /// Opens the root key of the directory of objects: makes it where there is none yet, and wraps it anew where it is
    /// wrapped under the former master key. `None` if content here is not encrypted, and is not to be.
    pub fn open(
        directory: &Dir,
        masters: &MasterKeys,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Option<Self>, EncryptionError> {
        if let (Some(change), Some(master)) = (KeyChange::ahead(directory, masters)?, &masters.current) {
            let root = match read_key_file(directory)?.filter(|_| change == KeyChange::Rewrapped) {
                Some(text) => unwrap(&text, master, masters.former.as_ref())?.0,
                None => new_root_key(&**entropy),
            };
            let mut nonce = [0; NONCE_BYTES];
            entropy.fill(&mut nonce);
            write_key_file(directory, &root.wrap(master, nonce))?;
        }
        Self::open_as_is(directory, masters, entropy)
    }

    /// The same without changing anything, for looking at what is there.
    pub fn open_as_is(
        directory: &Dir,
        masters: &MasterKeys,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Option<Self>, EncryptionError> {
        match (read_key_file(directory)?, &masters.current) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(EncryptionError::NoMasterKey),
            (Some(text), Some(current)) => {
                let (root, _) = unwrap(&text, current, masters.former.as_ref())?;
                Ok(Some(Self::of(root, entropy)))
            }
        }
    }

    fn of(root: RootKey, entropy: &Arc<dyn Entropy>) -> Self {
        Self { root: Arc::new(root), entropy: Arc::clone(entropy) }
    }

    /// With a key that everybody knows.
    #[cfg(test)]
    pub(crate) fn of_tests(directory: &Dir) -> Self {
        let masters = MasterKeys { current: MasterKey::parse(&"a1".repeat(32)).ok(), former: None };
        let entropy: Arc<dyn Entropy> = Arc::new(casemate_model::test_support::CountingEntropy::default());
        Self::open(directory, &masters, &entropy).unwrap().expect("there is a key")
    }

    pub(crate) fn content_key(&self, project: &Project) -> ContentKey {
        self.root.content_key(project.as_str())
    }
}

impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encryption(..)")
    }
}

fn unwrap(
    text: &str,
    current: &MasterKey,
    former: Option<&MasterKey>,
) -> Result<(RootKey, usize), EncryptionError> {
    let masters: Vec<_> = std::iter::once(current).chain(former).collect();
    RootKey::unwrap(text, &masters).map_err(EncryptionError::Key)
}

fn new_root_key(entropy: &dyn Entropy) -> RootKey {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes);
    RootKey::new(bytes)
}

fn read_key_file(directory: &Dir) -> Result<Option<String>, EncryptionError> {
    match directory.read_private(KEY_FILE, KEY_FILE_BYTES_MAX) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(EncryptionError::Key(KeyFileError::Damaged)),
        },
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(EncryptionError::Files(error)),
    }
}

/// Durable before anything is encrypted under it. A crash leaves the old file or the new one.
fn write_key_file(directory: &Dir, text: &str) -> Result<(), EncryptionError> {
    directory.replace(KEY_FILE, text.as_bytes()).map_err(EncryptionError::Files)
}
