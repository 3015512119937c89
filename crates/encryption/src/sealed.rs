use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::keys::NONCE_BYTES;

/// Bytes of the proof at the end.
const TAG_BYTES: usize = 16;

/// A key for short things that are kept where others may look.
///
/// ```text
/// sealed    nonce (24 bytes) · ciphertext · tag (16 bytes)      XChaCha20-Poly1305
/// also authenticated: what it is of, as the caller says it
/// ```
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Takes 32 secret bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Seals `plain`, bound to `identity`. The nonce must be random.
    pub fn seal(&self, identity: &[u8], nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = XChaCha20Poly1305::new((&*self.0).into())
            .encrypt_inout_detached(&nonce.into(), identity, (&mut sealed[NONCE_BYTES..]).into())
            .expect("what is kept in memory is within the limit of the cipher");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what was sealed under this key for `identity`; none if it is anything else.
    pub fn open(&self, identity: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (content, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut plain = Zeroizing::new(content.to_vec());
        let opened = XChaCha20Poly1305::new((&*self.0).into()).decrypt_inout_detached(
            &(*nonce).into(),
            identity,
            (&mut plain[..]).into(),
            &Tag::from(*tag),
        );
        opened.ok().map(|()| plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_for_what_it_is_of_and_unchanged() {
        let key = |byte| SealingKey::new(Zeroizing::new([byte; 32]));
        let sealed = key(1).seal(b"a", [7; NONCE_BYTES], b"secret");
        assert_eq!(sealed.len(), NONCE_BYTES + 6 + TAG_BYTES);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(key(1).open(b"a", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(key(2).open(b"a", &sealed), None);
        assert_eq!(key(1).open(b"b", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key(1).open(b"a", &changed), None, "byte {at}");
            assert_eq!(key(1).open(b"a", &sealed[..at]), None, "{at} bytes");
        }
    }
}
