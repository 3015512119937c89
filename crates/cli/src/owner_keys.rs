//! Keys that own names: one file a key, in a directory that is the user's alone, sealed under a passphrase.
//!
//! ```text
//!   state directory / owner-keys / <name>.json     (0700, 0600)
//!   passphrase --Argon2id--> key --XChaCha20-Poly1305--> the key's seed
//! ```

use argon2::{Algorithm, Argon2, Params, Version};
use casemate_encryption::SealingKey;
use casemate_fs::Dir;
use casemate_ledger::{OwnerKey, OwnerPublicKey};
use casemate_model::{Entropy, Tag};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::location;
use crate::report::CliError;
use crate::world::SystemEntropy;

/// Most bytes of a key's file.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// Fewest characters of a passphrase. Whoever gets the file can try without end.
const PASSPHRASE_MIN: usize = 8;

/// What keys of new files cost to derive: 64 MiB, three passes, the second recommendation of RFC 9106 with its passes.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;

/// The most that a file may ask for, so that one from elsewhere does not take the machine.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 20;

/// The user's keys.
pub(crate) struct OwnerKeys(Dir);

/// A key as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredKey {
    /// What it is called here.
    pub(crate) name: String,
    /// The public key.
    pub(crate) public: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    sealed: String,
}

impl OwnerKeys {
    /// Opens the user's keys, making their place when absent.
    pub(crate) fn open() -> Result<Self, CliError> {
        Ok(Self(Dir::open_private(&location::state_directory()?.join("owner-keys"))?))
    }

    /// Makes a key and stores it.
    pub(crate) fn create(&self, name: &Tag, hybrid: bool, passphrase: &str) -> Result<StoredKey, CliError> {
        if passphrase.chars().count() < PASSPHRASE_MIN {
            return Err(CliError::ShortPassphrase { min: PASSPHRASE_MIN });
        }
        let _lock = self.0.wait_for_lock("casemate")?;
        if self.find(name)?.is_some() {
            return Err(CliError::OwnerKeyExists { name: name.to_string() });
        }
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        SystemEntropy.fill(&mut salt);
        SystemEntropy.fill(&mut nonce);
        let key = OwnerKey::generate(hybrid, &SystemEntropy);
        let public = key.public_key().to_string();
        let sealing = derived(passphrase, &salt, (MEMORY_KIB, PASSES)).ok_or_else(|| damaged(name))?;
        let sealed = sealing.seal(public.as_bytes(), nonce, &*key.to_seed());
        let stored = StoredKey {
            name: name.to_string(),
            public,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt: BASE64.encode(&salt),
            sealed: BASE64.encode(&sealed),
        };
        let bytes = serde_json::to_vec_pretty(&stored).expect("texts are JSON");
        self.0.replace(&file_name(name), &bytes)?;
        Ok(stored)
    }

    /// The key of that name.
    pub(crate) fn find(&self, name: &Tag) -> Result<Option<StoredKey>, CliError> {
        let bytes = match self.0.read_private(&file_name(name), FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stored: Option<StoredKey> = serde_json::from_slice(&bytes).ok();
        stored.filter(|stored| stored.name == name.as_str()).map(Some).ok_or_else(|| damaged(name))
    }

    /// The key with that public half.
    pub(crate) fn of(&self, public: &OwnerPublicKey) -> Result<Option<StoredKey>, CliError> {
        let text = public.to_string();
        Ok(self.all()?.into_iter().find(|stored| stored.public == text))
    }

    /// All keys, by name.
    pub(crate) fn all(&self) -> Result<Vec<StoredKey>, CliError> {
        let mut keys = Vec::new();
        for entry in self.0.entries()? {
            let name = entry.name.strip_suffix(".json").and_then(|name| name.parse::<Tag>().ok());
            if let Some(name) = name {
                keys.extend(self.find(&name)?);
            }
        }
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(keys)
    }
}

impl StoredKey {
    /// The public half.
    pub(crate) fn public_key(&self) -> Result<OwnerPublicKey, CliError> {
        self.public.parse().map_err(|_| CliError::OwnerKeyDamaged { name: self.name.clone() })
    }

    /// Opens the key; refused if the passphrase is another.
    pub(crate) fn unlock(&self, passphrase: &str) -> Result<OwnerKey, CliError> {
        let broken = || CliError::OwnerKeyDamaged { name: self.name.clone() };
        let salt = BASE64.decode(self.salt.as_bytes()).map_err(|_| broken())?;
        let sealed = BASE64.decode(self.sealed.as_bytes()).map_err(|_| broken())?;
        let sealing = derived(passphrase, &salt, (self.memory_kib, self.passes)).ok_or_else(broken)?;
        let seed = sealing.open(self.public.as_bytes(), &sealed);
        let seed = seed.ok_or_else(|| CliError::WrongPassphrase { name: self.name.clone() })?;
        let seed =
            Zeroizing::new(<[u8; OwnerKey::SEED_BYTES]>::try_from(seed.as_slice()).map_err(|_| broken())?);
        let key = OwnerKey::from_seed(&seed, self.public_key()?.is_hybrid());
        if *key.public_key() == self.public_key()? { Ok(key) } else { Err(broken()) }
    }
}

fn derived(passphrase: &str, salt: &[u8], (memory_kib, passes): (u32, u32)) -> Option<SealingKey> {
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX {
        return None;
    }
    let params = Params::new(memory_kib, passes, 1, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(passphrase.as_bytes(), salt, &mut *key).ok()?;
    Some(SealingKey::new(key))
}

fn file_name(name: &Tag) -> String {
    format!("{name}.json")
}

fn damaged(name: &Tag) -> CliError {
    CliError::OwnerKeyDamaged { name: name.to_string() }
}
