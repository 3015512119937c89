use std::collections::BTreeMap;

use casemate_encryption::{NONCE_BYTES, SealingKey};
use casemate_model::Entropy;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::SecretMac;

/// A secret of the node that is mixed into every stored hash. It is kept apart from the database.
#[derive(Clone)]
pub struct Pepper(Zeroizing<[u8; 32]>);

/// All peppers by version. One makes hashes; the others only check them: older ones until nothing uses them, and a newer one
/// until all nodes know it.
#[derive(Clone)]
pub struct Peppers {
    by_version: BTreeMap<u32, Pepper>,
    sealing: u32,
}

impl Pepper {
    /// Takes 32 secret bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// A key of the node for one purpose, the same as long as the pepper is.
    pub fn key_for(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac("casemate key", purpose, &[0; 32]).finalize().into_bytes().into())
    }

    fn mac(&self, domain: &str, id: &str, secret: &[u8; 32]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of any length");
        // Lengths are fixed or framed by the zero byte, which neither text can hold, so no two inputs collide.
        mac.update(domain.as_bytes());
        mac.update(&[0]);
        mac.update(id.as_bytes());
        mac.update(&[0]);
        mac.update(secret);
        mac
    }
}

impl Peppers {
    /// Starts with one pepper, as version 1.
    pub fn new(first: Pepper) -> Self {
        Self { by_version: BTreeMap::from([(1, first)]), sealing: 1 }
    }

    /// Those that are known, of which `sealing` makes hashes. `None` if it is not among them.
    pub fn of(by_version: BTreeMap<u32, Pepper>, sealing: u32) -> Option<Self> {
        by_version.contains_key(&sealing).then_some(Self { by_version, sealing })
    }

    /// The version that hashes are made with.
    pub const fn sealing(&self) -> u32 {
        self.sealing
    }

    /// A key for one purpose that follows from one version; `None` if that is not known any more.
    pub fn key_of(&self, version: u32, purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
        self.by_version.get(&version).map(|pepper| pepper.key_for(purpose))
    }

    /// The oldest that is known. What follows from it changes when it is retired, so it is for what can be made anew.
    pub fn oldest(&self) -> &Pepper {
        self.by_version.values().next().expect("there is always one")
    }

    /// Encrypts something short under a key for `purpose` that follows from the pepper that makes hashes: whoever has the
    /// database alone cannot read it. It opens for `identity` and nothing else. The version of the pepper stands in front,
    /// in four bytes.
    pub fn encrypt(&self, purpose: &str, identity: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let key = SealingKey::new(self.by_version[&self.sealing].key_for(purpose));
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        [&self.sealing.to_be_bytes()[..], &key.seal(identity, nonce, plain)].concat()
    }

    /// Decrypts what was encrypted for `purpose` and `identity`; `None` if it is anything else, or its pepper is no longer
    /// known.
    pub fn decrypt(&self, purpose: &str, identity: &[u8], encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (version, sealed) = encrypted.split_first_chunk()?;
        let pepper = self.by_version.get(&u32::from_be_bytes(*version))?;
        SealingKey::new(pepper.key_for(purpose)).open(identity, sealed)
    }

    /// What tells each version from another one, and nothing of the pepper. The oldest comes first.
    pub fn checks(&self) -> impl Iterator<Item = (u32, [u8; 32])> {
        self.by_version.iter().map(|(version, pepper)| (*version, *pepper.key_for("check of the pepper")))
    }

    /// All peppers, the one that makes hashes first, then the newest.
    pub(crate) fn sealing_first(&self) -> impl Iterator<Item = &Pepper> {
        let others = self.by_version.iter().rev().filter(|(version, _)| **version != self.sealing);
        std::iter::once(&self.by_version[&self.sealing]).chain(others.map(|(_, pepper)| pepper))
    }

    /// Hashes `secret` under the pepper that makes hashes, bound to what it is for and whose it is.
    pub(crate) fn seal(&self, domain: &str, id: &str, secret: &[u8; 32]) -> SecretMac {
        let pepper = &self.by_version[&self.sealing];
        let mac = pepper.mac(domain, id, secret).finalize().into_bytes().into();
        SecretMac { pepper: self.sealing, mac }
    }

    /// A secret that follows from a sealed one, for protocols whose server must know the secret itself. It is stored
    /// nowhere, and nobody can work it out from the database alone. `None` if the pepper is no longer known.
    pub(crate) fn derive(&self, sealed: &SecretMac, domain: &str, id: &str) -> Option<Zeroizing<[u8; 32]>> {
        let pepper = self.by_version.get(&sealed.pepper)?;
        Some(Zeroizing::new(pepper.mac(domain, id, &sealed.mac).finalize().into_bytes().into()))
    }

    /// Tells in constant time whether `secret` is what `sealed` was made from.
    pub(crate) fn opens(&self, sealed: &SecretMac, domain: &str, id: &str, secret: &[u8; 32]) -> bool {
        // An unknown version is checked against another pepper, which cannot match, so that it takes as long.
        let known = self.by_version.get(&sealed.pepper);
        let pepper = known.unwrap_or(&self.by_version[&self.sealing]);
        let mac: [u8; 32] = pepper.mac(domain, id, secret).finalize().into_bytes().into();
        bool::from(mac.ct_eq(&sealed.mac)) && known.is_some()
    }
}

impl std::fmt::Debug for Peppers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peppers {{ versions: {:?}, .. }}", self.by_version.keys())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(byte: u8) -> Pepper {
        Pepper::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_hash_is_bound_to_pepper_purpose_owner_and_secret() {
        let peppers = Peppers::new(pepper(1));
        let sealed = peppers.seal("key", "a", &[7; 32]);
        assert!(peppers.opens(&sealed, "key", "a", &[7; 32]));
        assert!(!peppers.opens(&sealed, "session", "a", &[7; 32]));
        assert!(!peppers.opens(&sealed, "key", "b", &[7; 32]));
        assert!(!peppers.opens(&sealed, "key", "a", &[8; 32]));
        assert!(!Peppers::new(pepper(2)).opens(&sealed, "key", "a", &[7; 32]));
        assert!(!peppers.opens(&SecretMac { pepper: 9, ..sealed }, "key", "a", &[7; 32]));
    }

    #[test]
    fn old_hashes_open_after_a_rotation() {
        let old = Peppers::new(pepper(1)).seal("key", "a", &[7; 32]);
        let peppers = Peppers::of(BTreeMap::from([(1, pepper(1)), (2, pepper(2))]), 2).unwrap();
        let new = peppers.seal("key", "a", &[7; 32]);
        assert_eq!((old.pepper, new.pepper), (1, 2));
        assert!(peppers.opens(&old, "key", "a", &[7; 32]) && peppers.opens(&new, "key", "a", &[7; 32]));
    }

    #[test]
    fn what_is_encrypted_opens_for_its_purpose_and_owner_while_its_pepper_is_known() {
        let entropy = casemate_model::test_support::CountingEntropy::default();
        let one = Peppers::new(pepper(1));
        let encrypted = one.encrypt("a", b"ada", b"secret", &entropy);
        let open = |peppers: &Peppers, purpose, whose: &[u8]| {
            peppers.decrypt(purpose, whose, &encrypted).map(|plain| plain.to_vec())
        };
        let both = Peppers::of(BTreeMap::from([(1, pepper(1)), (2, pepper(2))]), 2).unwrap();
        assert_eq!(open(&one, "a", b"ada"), Some(b"secret".to_vec()));
        assert_eq!(open(&both, "a", b"ada"), Some(b"secret".to_vec()), "after a rotation");
        assert_eq!(open(&one, "b", b"ada"), None, "for another purpose");
        assert_eq!(open(&one, "a", b"eve"), None, "moved to another's row");
        let retired = Peppers::of(BTreeMap::from([(2, pepper(2))]), 2).unwrap();
        assert_eq!(open(&retired, "a", b"ada"), None);
        assert_eq!(open(&Peppers::new(pepper(9)), "a", b"ada"), None, "another pepper of the same version");
        assert_eq!(one.decrypt("a", b"ada", b"abc"), None, "too short");
    }

    #[test]
    fn a_newer_pepper_may_be_known_before_it_is_used() {
        let both = BTreeMap::from([(1, pepper(1)), (2, pepper(2))]);
        let (before, after) = (Peppers::of(both.clone(), 1).unwrap(), Peppers::of(both.clone(), 2).unwrap());
        let (old, new) = (before.seal("key", "a", &[7; 32]), after.seal("key", "a", &[7; 32]));
        assert_eq!((old.pepper, new.pepper), (1, 2));
        for peppers in [&before, &after] {
            assert!(peppers.opens(&old, "key", "a", &[7; 32]) && peppers.opens(&new, "key", "a", &[7; 32]));
        }
        assert!(Peppers::of(both, 3).is_none(), "hashes are made with one that is known");
        let checks: Vec<_> = after.checks().collect();
        assert_eq!(checks, before.checks().collect::<Vec<_>>());
        assert_ne!(checks[0].1, checks[1].1);
    }
}
