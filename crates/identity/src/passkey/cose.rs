use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::PasskeyError;

/// Most bytes of a key; RSA with 8192 bits has a little more than 1024.
const KEY_BYTES_MAX: usize = 1_100;

/// Most entries of a key's map; no kind of key that is taken has more than five.
const ENTRIES_MAX: u8 = 5;

/// The kinds of key that are asked for, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyAlgorithm {
    /// ECDSA on P-256 with SHA-256: what nearly all authenticators have.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA with PKCS #1 v1.5 and SHA-256: what older TPMs have. Only public keys are ever handled.
    Rs256,
}

impl PasskeyAlgorithm {
    /// All, the best first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// Its number in the registry of COSE.
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Rs256 => -257,
        }
    }
}

/// A public key as the authenticator wrote it (RFC 9052), known to be of a kind that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyKey(Vec<u8>);

impl PasskeyKey {
    /// Reads a stored key.
    pub fn parse(bytes: &[u8]) -> Result<Self, PasskeyError> {
        match Self::parse_start(bytes)? {
            (key, []) => Ok(key),
            _ => Err(PasskeyError::Key),
        }
    }

    /// Reads the key that `bytes` begin with; returns what follows it, too.
    pub(super) fn parse_start(bytes: &[u8]) -> Result<(Self, &[u8]), PasskeyError> {
        let (_, rest) = Parts::read(bytes).ok_or(PasskeyError::Key)?;
        let length = bytes.len() - rest.len();
        if length > KEY_BYTES_MAX {
            return Err(PasskeyError::Key);
        }
        let key = Self(bytes[..length].to_vec());
        key.parts().ok_or(PasskeyError::Key)?;
        Ok((key, rest))
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks a signature over `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), PasskeyError> {
        let verified = match self.parts().ok_or(PasskeyError::Key)? {
            PublicKey::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            PublicKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            PublicKey::Rsa { n, e } => {
                PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        verified.map_err(|_| PasskeyError::Signature)
    }

    /// The key's parts, if they are those of one kind and nothing else.
    fn parts(&self) -> Option<PublicKey<'_>> {
        let (parts, _) = Parts::read(&self.0)?;
        let algorithm =
            PasskeyAlgorithm::ALL.into_iter().find(|one| Some(one.number()) == parts.algorithm)?;
        match (algorithm, parts) {
            (
                PasskeyAlgorithm::Es256,
                Parts { kind: Some(2), curve: Some(1), x: Some(x), y: Some(y), n: None, .. },
            ) if x.len() == 32 && y.len() == 32 => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(x);
                point[33..].copy_from_slice(y);
                Some(PublicKey::P256(point))
            }
            (
                PasskeyAlgorithm::EdDsa,
                Parts { kind: Some(1), curve: Some(6), x: Some(x), y: None, n: None, .. },
            ) if x.len() == 32 => Some(PublicKey::Ed25519(x)),
            (
                PasskeyAlgorithm::Rs256,
                Parts { kind: Some(3), curve: None, x: None, n: Some(n), e: Some(e), .. },
            ) if (256..=1_024).contains(&n.len()) && (1..=4).contains(&e.len()) => {
                Some(PublicKey::Rsa { n, e })
            }
            _ => None,
        }
    }
}

enum PublicKey<'b> {
    P256([u8; 65]),
    Ed25519(&'b [u8]),
    Rsa { n: &'b [u8], e: &'b [u8] },
}

/// The entries of a key's map. The labels -1 and -2 mean one thing in RSA keys and another in others.
#[derive(Clone, Copy, Default)]
struct Parts<'b> {
    kind: Option<i64>,
    algorithm: Option<i64>,
    curve: Option<i64>,
    x: Option<&'b [u8]>,
    y: Option<&'b [u8]>,
    n: Option<&'b [u8]>,
    e: Option<&'b [u8]>,
}

impl<'b> Parts<'b> {
    /// Reads one map of small whole numbers to whole numbers and byte strings, in which no label stands twice; CBOR in the
    /// canonical form that authenticators write (CTAP2), and no more of it than keys need.
    fn read(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (head, mut rest) = bytes.split_first()?;
        let entries = head.checked_sub(0xa0).filter(|entries| *entries <= ENTRIES_MAX)?;
        let mut parts = Self::default();
        let mut labels = Vec::with_capacity(usize::from(entries));
        for _ in 0..entries {
            let (Item::Number(label), after) = item(rest)? else { return None };
            let (value, after) = item(after)?;
            if labels.contains(&label) {
                return None;
            }
            labels.push(label);
            parts.put(label, value)?;
            rest = after;
        }
        if parts.kind == Some(3) {
            (parts.n, parts.e, parts.x) = (parts.n, parts.x, None);
        }
        Some((parts, rest))
    }

    fn put(&mut self, label: i64, value: Item<'b>) -> Option<()> {
        match (label, value) {
            (1, Item::Number(kind)) => self.kind = Some(kind),
            (3, Item::Number(algorithm)) => self.algorithm = Some(algorithm),
            (-1, Item::Number(curve)) => self.curve = Some(curve),
            (-1, Item::Bytes(n)) => self.n = Some(n),
            (-2, Item::Bytes(x)) => self.x = Some(x),
            (-3, Item::Bytes(y)) => self.y = Some(y),
            _ => return None,
        }
        Some(())
    }
}

enum Item<'b> {
    Number(i64),
    Bytes(&'b [u8]),
}

/// Reads a whole number or a byte string, of up to 65,535 either way, in its shortest form.
fn item(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (head, rest) = bytes.split_first()?;
    let (argument, rest) = match head & 0x1f {
        small @ 0..24 => (u16::from(small), rest),
        24 => {
            let (byte, rest) = rest.split_first()?;
            (u16::from(*byte), rest)
        }
        25 => {
            let (word, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_be_bytes(*word), rest)
        }
        _ => return None,
    };
    let shortest = match head & 0x1f {
        24 => argument >= 24,
        25 => argument >= 256,
        _ => true,
    };
    match head >> 5 {
        _ if !shortest => None,
        0 => Some((Item::Number(i64::from(argument)), rest)),
        1 => Some((Item::Number(-1 - i64::from(argument)), rest)),
        2 => {
            let (text, rest) = rest.split_at_checked(usize::from(argument))?;
            Some((Item::Bytes(text), rest))
        }
        _ => None,
    }
}
