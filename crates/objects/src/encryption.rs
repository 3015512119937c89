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

/// Where it is noted, among the node's secrets, which root key was made. Whoever brings back content without its key is told
/// so, instead of being given another key.
const NOTE: &str = "encryption.id";

/// The operator's keys: the one under which the root key is kept, and the one under which it was before.
#[derive(Clone, Debug, Default)]
pub struct MasterKeys {
    /// The key. Without one, content is not encrypted.
    pub current: Option<MasterKey>,
    /// The key that it replaces.
    pub former: Option<MasterKey>,
}

/// Where the root key is, and where it is noted which one it is.
#[derive(Clone, Copy)]
pub struct KeyPlaces<'d> {
    /// The directory of objects.
    pub objects: &'d Dir,
    /// The node's secrets, if there are any yet.
    pub secrets: Option<&'d Dir>,
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
    /// A root key was made, and its file is gone.
    #[error("the stored content is encrypted, and `objects/encryption.key` is missing")]
    RootKeyMissing,
    /// The root key is not the one that was made here.
    #[error("`objects/encryption.key` holds another key than the one that was made here")]
    OtherRootKey,
    /// The root key cannot be opened.
    #[error("`objects/encryption.key` cannot be opened")]
    Key(#[source] KeyFileError),
    /// The file of the root key could not be read or written.
    #[error("the file of the encryption key failed")]
    Files(#[source] FsError),
}

/// What opening the key is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// There is no key, and one is made.
    Made,
    /// It is wrapped under the former master key, and will be under the current one.
    Rewrapped,
}

impl KeyChange {
    /// What [`Encryption::open`] is about to do, so that it can be recorded before it is done.
    pub fn ahead(places: KeyPlaces<'_>, masters: &MasterKeys) -> Result<Option<Self>, EncryptionError> {
        match look(places, masters)? {
            Found::Nothing if masters.current.is_some() => Ok(Some(Self::Made)),
            Found::Root { former: true, .. } => Ok(Some(Self::Rewrapped)),
            _ => Ok(None),
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
    /// Opens the root key: makes it where there is none yet, and wraps it anew where it is wrapped under the former master
    /// key. `None` if content here is not encrypted, and is not to be.
    pub fn open(
        places: KeyPlaces<'_>,
        masters: &MasterKeys,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Option<Self>, EncryptionError> {
        let Some(master) = &masters.current else { return Self::open_as_is(places, masters, entropy) };
        let (root, wrapped) = match look(places, masters)? {
            Found::Nothing => (new_root_key(&**entropy), false),
            Found::Root { root, former } => (root, !former),
        };
        if !wrapped {
            let mut nonce = [0; NONCE_BYTES];
            entropy.fill(&mut nonce);
            let text = root.wrap(master, nonce);
            places.objects.replace(KEY_FILE, text.as_bytes()).map_err(EncryptionError::Files)?;
        }
        // After the key, so that a crash in between never looks like a lost key.
        if let Some(secrets) = places.secrets.filter(|secrets| !matches!(read(secrets, NOTE), Ok(Some(_)))) {
            secrets.replace(NOTE, root.id().as_bytes()).map_err(EncryptionError::Files)?;
        }
        Ok(Some(Self::of(root, entropy)))
    }

    /// The same without changing anything, for looking at what is there.
    pub fn open_as_is(
        places: KeyPlaces<'_>,
        masters: &MasterKeys,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Option<Self>, EncryptionError> {
        Ok(match look(places, masters)? {
            Found::Nothing => None,
            Found::Root { root, .. } => Some(Self::of(root, entropy)),
        })
    }

    fn of(root: RootKey, entropy: &Arc<dyn Entropy>) -> Self {
        Self { root: Arc::new(root), entropy: Arc::clone(entropy) }
    }

    /// With a key that everybody knows.
    #[cfg(test)]
    pub(crate) fn of_tests(objects: &Dir) -> Self {
        let masters = MasterKeys { current: MasterKey::parse(&"a1".repeat(32)).ok(), former: None };
        let entropy: Arc<dyn Entropy> = Arc::new(casemate_model::test_support::CountingEntropy::default());
        let places = KeyPlaces { objects, secrets: None };
        Self::open(places, &masters, &entropy).unwrap().expect("there is a key")
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

/// What there is of a key.
enum Found {
    /// Nothing here is encrypted.
    Nothing,
    /// The root key, and whether it is still wrapped under the former master key.
    Root { root: RootKey, former: bool },
}

fn look(places: KeyPlaces<'_>, masters: &MasterKeys) -> Result<Found, EncryptionError> {
    let noted = places.secrets.map(|secrets| read(secrets, NOTE)).transpose()?.flatten();
    let Some(text) = read(places.objects, KEY_FILE)? else {
        return if noted.is_some() { Err(EncryptionError::RootKeyMissing) } else { Ok(Found::Nothing) };
    };
    let Some(current) = &masters.current else {
        return Err(EncryptionError::NoMasterKey);
    };
    let given: Vec<_> = std::iter::once(current).chain(&masters.former).collect();
    let (root, at) = RootKey::unwrap(&text, &given).map_err(EncryptionError::Key)?;
    if noted.is_some_and(|noted| noted != root.id()) {
        return Err(EncryptionError::OtherRootKey);
    }
    Ok(Found::Root { root, former: at > 0 })
}

fn new_root_key(entropy: &dyn Entropy) -> RootKey {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes);
    RootKey::new(bytes)
}

fn read(directory: &Dir, name: &str) -> Result<Option<String>, EncryptionError> {
    match directory.read_private(name, KEY_FILE_BYTES_MAX) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(EncryptionError::Key(KeyFileError::Damaged)),
        },
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(EncryptionError::Files(error)),
    }
}
