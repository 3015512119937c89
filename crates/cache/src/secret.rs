//! The process key, and the keys that are derived from it.

use std::fmt;

use casemate_model::{Entropy, Hasher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The 32 bytes that everything in a cache is signed, named and encrypted under. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct CacheSecret(Zeroizing<[u8; 32]>);

impl CacheSecret {
    /// Takes key material that was made elsewhere, for a cache that is kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes a key that dies with the process.
    pub(crate) fn ephemeral(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    /// Whether two are the same, in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl fmt::Debug for CacheSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheSecret(…)")
    }
}

impl PartialEq for CacheSecret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for CacheSecret {}

/// One key for each use, so that what is made for one is worth nothing in another.
pub(crate) struct Keys {
    sign: Zeroizing<[u8; 32]>,
    name: Zeroizing<[u8; 32]>,
    pub(crate) wrap: Zeroizing<[u8; 32]>,
    /// Tells entries under another key from damaged ones. Says nothing about the key.
    pub(crate) id: [u8; 8],
}

impl Keys {
    pub(crate) fn derive(secret: &CacheSecret) -> Self {
        let derived = |purpose: &str| Zeroizing::new(mac(&secret.0, purpose, &[]).finish());
        let mut id = [0; 8];
        id.copy_from_slice(&derived("key id")[..8]);
        Self { sign: derived("sign entries"), name: derived("name files"), wrap: derived("wrap keys"), id }
    }

    /// A file's name: the same for the same subject, and nothing to those who have no key.
    pub(crate) fn name(&self, purpose: &str, subject: &[u8]) -> [u8; 32] {
        mac(&self.name, purpose, subject).finish()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        mac(&self.sign, "entry", message).finish()
    }

    /// Whether the signature is ours, in constant time.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 32]) -> bool {
        self.sign(message).ct_eq(signature).into()
    }
}

struct Tag(Hmac<Sha256>);

impl Tag {
    fn finish(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }
}

fn mac(key: &[u8; 32], purpose: &str, message: &[u8]) -> Tag {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(DOMAIN);
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(message);
    Tag(mac)
}

/// Whether two hashes are the same, in constant time.
pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

/// Whether `bytes` hash to what they must.
pub(crate) fn hashes_to(bytes: &[u8], digest: casemate_model::Digest) -> bool {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    same(hasher.finish().as_bytes(), digest.as_bytes())
}

/// Sets these keys apart from all others that may ever be derived from the same secret.
const DOMAIN: &[u8] = b"casemate cache v2\0";
