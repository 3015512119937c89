//! The operator's key, the root key that it wraps, and the keys that follow from that.

use std::fmt;

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::frames::{self, WRAPPED_BYTES, WrappedKey};

/// Random bytes that a wrapped key is given.
pub const NONCE_BYTES: usize = 24;

/// How the text of a wrapped root key begins.
const KIND: &str = "casemate-root-key-1";

const IDENTITY: &[u8] = b"casemate root key";

/// The key that an operator keeps apart from what it encrypts.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A text that is no master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits, as `openssl rand -hex 32` makes them")]
pub struct MasterKeyError;

/// Tells master keys apart without telling what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKeyId([u8; 8]);

/// The key that the keys of projects follow from. It never changes; what changes is what it is wrapped under.
pub struct RootKey(Zeroizing<[u8; 32]>);

/// The key of a project's content.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<[u8; 32]>);

/// Why a wrapped root key was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// It is not what was written.
    #[error("it is damaged: put it back from a backup")]
    Damaged,
    /// It was wrapped under a key that is not given.
    #[error("it was wrapped under the key {wrapped_by}, which is not among those given ({given})")]
    OtherKey {
        /// The key that is needed.
        wrapped_by: MasterKeyId,
        /// The keys that are given.
        given: String,
    },
}

impl MasterKey {
    /// Reads 64 hexadecimal digits; blanks around them do not matter.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes());
        let decoded = Zeroizing::new(decoded.map_err(|_| MasterKeyError)?);
        let bytes = decoded.as_slice().try_into().map_err(|_| MasterKeyError)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Which key it is.
    pub fn id(&self) -> MasterKeyId {
        let id = blake3::derive_key("casemate 2026-11 id of a master key", &*self.0);
        MasterKeyId(*id.first_chunk().expect("32 bytes"))
    }
}

impl RootKey {
    /// Takes 32 secret bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The text that holds it, of use to nobody without the master key. The nonce must be random.
    pub fn wrap(&self, master: &MasterKey, nonce: [u8; NONCE_BYTES]) -> String {
        let wrapped = frames::wrap(&master.0, IDENTITY, nonce, &self.0);
        format!("{KIND} {} {}\n", master.id(), HEXLOWER.encode(&wrapped))
    }

    /// Opens what [`RootKey::wrap`] made under one of `masters`, and says under which, counted from 0.
    pub fn unwrap(text: &str, masters: &[&MasterKey]) -> Result<(Self, usize), KeyFileError> {
        let (wrapped_by, wrapped) = parse(text).ok_or(KeyFileError::Damaged)?;
        let Some(at) = masters.iter().position(|master| master.id() == wrapped_by) else {
            let given: Vec<_> = masters.iter().map(|master| master.id().to_string()).collect();
            return Err(KeyFileError::OtherKey { wrapped_by, given: given.join(", ") });
        };
        let opened = frames::unwrap(&masters[at].0, IDENTITY, &wrapped).ok_or(KeyFileError::Damaged)?;
        Ok((Self(opened), at))
    }

    /// Which key it is, in hexadecimal digits that tell nothing of it.
    pub fn id(&self) -> String {
        let id = blake3::derive_key("casemate 2026-11 id of a root key", &*self.0);
        HEXLOWER.encode(id.first_chunk::<8>().expect("32 bytes"))
    }

    /// The key of a project's content. It tells nothing of the root key, nor of the keys of others.
    pub fn content_key(&self, project: &str) -> ContentKey {
        let key =
            blake3::Hasher::new_keyed(&self.0).update(b"content of ").update(project.as_bytes()).finalize();
        ContentKey(Zeroizing::new(*key.as_bytes()))
    }
}

impl ContentKey {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn parse(text: &str) -> Option<(MasterKeyId, WrappedKey)> {
    let mut words = text.split_ascii_whitespace();
    let (kind, id, wrapped) = (words.next()?, words.next()?, words.next()?);
    let id = HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
    let wrapped: [u8; WRAPPED_BYTES] = HEXLOWER.decode(wrapped.as_bytes()).ok()?.try_into().ok()?;
    (kind == KIND && words.next().is_none()).then_some((MasterKeyId(id), wrapped))
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> RootKey {
        RootKey::new(Zeroizing::new([5; 32]))
    }

    fn master(digit: char) -> MasterKey {
        MasterKey::parse(&digit.to_string().repeat(64)).unwrap()
    }

    #[test]
    fn a_root_key_is_wrapped_anew_under_another_master_key_and_stays_the_same() {
        let root = root();
        let first = root.wrap(&master('a'), [1; NONCE_BYTES]);
        let (opened, at) = RootKey::unwrap(&first, &[&master('b'), &master('a')]).unwrap();
        assert_eq!((at, opened.content_key("p").bytes()), (1, root.content_key("p").bytes()));
        let second = opened.wrap(&master('b'), [2; NONCE_BYTES]);
        assert_ne!(first, second);
        let (again, _) = RootKey::unwrap(&second, &[&master('b')]).unwrap();
        assert_eq!(again.content_key("p").bytes(), root.content_key("p").bytes());
        assert_ne!(root.content_key("p").bytes(), root.content_key("q").bytes());
    }

    #[test]
    fn what_was_wrapped_under_another_key_or_changed_does_not_open() {
        let text = root().wrap(&master('a'), [3; NONCE_BYTES]);
        let refused = RootKey::unwrap(&text, &[&master('c')]).unwrap_err();
        assert!(
            matches!(&refused, KeyFileError::OtherKey { wrapped_by, .. } if *wrapped_by == master('a').id())
        );
        let end = if text.trim_end().ends_with('0') { "1\n" } else { "0\n" };
        let changed = format!("{}{end}", &text[..text.len() - 2]);
        for damaged in
            [changed.as_str(), "", "casemate-root-key-1", &text[..text.len() - 4], &format!("{text} x")]
        {
            assert_eq!(
                RootKey::unwrap(damaged, &[&master('a')]).unwrap_err(),
                KeyFileError::Damaged,
                "{damaged}"
            );
        }
    }

    #[test]
    fn only_64_digits_are_a_master_key_and_none_is_shown() {
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66)] {
            assert_eq!(MasterKey::parse(bad).unwrap_err(), MasterKeyError, "{bad}");
        }
        let key = MasterKey::parse(&format!(" {}\n", "AB".repeat(32))).unwrap();
        assert_eq!(key.id(), MasterKey::parse(&"ab".repeat(32)).unwrap().id());
        assert!(!format!("{key:?}").contains("abab"));
    }
}
