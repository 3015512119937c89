use std::fmt;
use std::str::FromStr;

use casemate_model::{Digest, Entropy};
use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::text::is_plain;

/// A node's Ed25519 key: it signs receipts and checkpoints. It is wiped from memory when dropped.
pub struct NodeKey {
    signing: SigningKey,
    public: NodePublicKey,
}

/// The public half of a [`NodeKey`] with the name of its log. Text form: the C2SP signed-note verifier key,
/// `<origin>+<8 hex digits>+<base64>`.
#[derive(Clone, PartialEq, Eq)]
pub struct NodePublicKey {
    origin: String,
    key: VerifyingKey,
}

/// Text that is no [`NodePublicKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a node's public key: expected `<origin>+<8 hex digits>+<base64>`")]
pub struct NodePublicKeyError(String);

/// The signature does not belong to these bytes and this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not belong to these bytes and this key")]
pub struct BadSignature;

impl NodeKey {
    /// Makes a new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed);
        Self::from_seed(&seed)
    }

    /// Rebuilds the key from its stored seed. The origin follows from the key: `casemate/` and 16 hex digits.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let key = signing.verifying_key();
        let origin = origin_of(&key);
        Self { signing, public: NodePublicKey { origin, key } }
    }

    /// The seed, for storing in a private file.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// The name of the log that this key signs.
    pub fn origin(&self) -> &str {
        &self.public.origin
    }

    /// The public half.
    pub fn public_key(&self) -> &NodePublicKey {
        &self.public
    }

    /// Signs bytes. What is signed starts with a magic (receipts) or an origin line (checkpoints), so that neither
    /// can pass for the other.
    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.signing.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl NodePublicKey {
    /// The key of these bytes, with the origin that follows from it; `None` if it is none, or would accept a signature for any
    /// bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())?;
        Some(Self { origin: origin_of(&key), key })
    }

    /// The name of the log that this key signs.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The first four bytes of the hash of origin and key, by which signatures name their key.
    pub(crate) fn id(&self) -> [u8; 4] {
        let mut named = format!("{}\n", self.origin).into_bytes();
        named.push(ALGORITHM_ED25519);
        named.extend(self.key.as_bytes());
        let [a, b, c, d, ..] = *Digest::of(&named).as_bytes();
        [a, b, c, d]
    }

    pub(crate) fn verify(&self, bytes: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let signature = Signature::from_bytes(signature);
        self.key.verify_strict(bytes, &signature).map_err(|_| BadSignature)
    }
}

impl fmt::Display for NodePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ALGORITHM_ED25519];
        typed.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.origin, HEXLOWER.encode(&self.id()), BASE64.encode(&typed))
    }
}

impl fmt::Debug for NodePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodePublicKey {
    type Err = NodePublicKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| NodePublicKeyError(crate::text::escape(text, 160)))
    }
}

fn origin_of(key: &VerifyingKey) -> String {
    format!("casemate/{}", &Digest::of(key.as_bytes()).to_hex()[..16])
}

fn parse(text: &str) -> Option<NodePublicKey> {
    let mut parts = text.splitn(3, '+');
    let (origin, id, typed) = (parts.next()?, parts.next()?, parts.next()?);
    if !is_origin(origin) {
        return None;
    }
    let typed = BASE64.decode(typed.as_bytes()).ok()?;
    let (&ALGORITHM_ED25519, key) = typed.split_first()? else {
        return None;
    };
    let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    let public = NodePublicKey { origin: origin.to_owned(), key };
    // A key of small order would accept a signature for any bytes.
    (!key.is_weak() && HEXLOWER.encode(&public.id()) == id).then_some(public)
}

/// The rule of C2SP signed notes for key names, and a cap.
fn is_origin(text: &str) -> bool {
    let fits = |character: char| is_plain(character) && !character.is_whitespace() && character != '+';
    (1..=ORIGIN_BYTES_MAX).contains(&text.len()) && text.chars().all(fits)
}

/// Longest name of a log.
pub(crate) const ORIGIN_BYTES_MAX: usize = 255;

/// Ed25519 in C2SP signed notes.
const ALGORITHM_ED25519: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Go package that signed notes come from.
    const PUBLISHED: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PUBLISHED_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const PUBLISHED_SIGNATURE: &str =
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    #[test]
    fn the_published_example_verifies() {
        let key: NodePublicKey = PUBLISHED.parse().unwrap();
        assert_eq!(key.to_string(), PUBLISHED);
        let signature = BASE64.decode(PUBLISHED_SIGNATURE.as_bytes()).unwrap();
        assert_eq!(signature[..4], key.id());
        let signature: [u8; 64] = signature[4..].try_into().unwrap();
        assert_eq!(key.verify(PUBLISHED_TEXT.as_bytes(), &signature), Ok(()));
        assert_eq!(key.verify(b"something else", &signature), Err(BadSignature));
    }

    #[test]
    fn every_change_of_a_public_key_is_refused() {
        for index in 0..PUBLISHED.len() {
            for bit in 0..8 {
                let mut bytes = PUBLISHED.as_bytes().to_vec();
                bytes[index] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(text.parse::<NodePublicKey>().is_err(), "{text}");
                }
            }
        }
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let key = VerifyingKey::from_bytes(&{
            let mut identity = [0; 32];
            identity[0] = 1;
            identity
        })
        .unwrap();
        let weak = NodePublicKey { origin: "weak".to_owned(), key };
        assert_eq!(weak.to_string().parse::<NodePublicKey>(), Err(NodePublicKeyError(weak.to_string())));
    }

    #[test]
    fn a_key_is_its_seed_and_never_prints_it() {
        let key = NodeKey::from_seed(&[7; 32]);
        let again = NodeKey::from_seed(&key.to_seed());
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(key.public_key().to_string().parse(), Ok(key.public_key().clone()));
        assert_eq!(
            NodePublicKey::from_bytes(key.public_key().key.as_bytes()).as_ref(),
            Some(key.public_key())
        );
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(NodePublicKey::from_bytes(&identity), None, "of small order");
        let debug = format!("{key:?}");
        assert_eq!(debug, format!("NodeKey {{ public: {}, .. }}", key.public_key()));
        assert!(!debug.contains("7, 7") && !debug.contains("0707"));
    }
}
