use std::fmt;
use std::str::FromStr;

use casemate_model::{Digest, Entropy};
use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use ml_dsa::{EncodedSignature, EncodedVerifyingKey, Keypair as _, MlDsa65};
use zeroize::Zeroizing;

use crate::BadSignature;
use crate::canonical::{DecodeError, Reader, Writer};

/// Somebody's key for names: Ed25519, and ML-DSA-65 (FIPS 204) beside it if its owner wants to be safe from quantum computers too.
/// With both, a signature holds only if both hold. It is wiped from memory when dropped.
pub struct OwnerKey {
    ed25519: SigningKey,
    ml_dsa: Option<Zeroizing<[u8; 32]>>,
    public: OwnerPublicKey,
}

/// The public half of an [`OwnerKey`]. Text form: `ed25519:` and the base64 of 32 bytes, or `ed25519+ml-dsa-65:` and that of 1984.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnerPublicKey {
    ed25519: VerifyingKey,
    ml_dsa: Option<Box<[u8; ML_DSA_KEY_BYTES]>>,
}

/// A signature by an [`OwnerKey`], which says by which. Text form: base64.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnerSignature {
    /// The [`OwnerPublicKey::fingerprint`] of the key.
    pub signer: Digest,
    ed25519: [u8; 64],
    ml_dsa: Option<Box<[u8; ML_DSA_SIGNATURE_BYTES]>>,
}

/// Text that is no [`OwnerPublicKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no key of an owner: expected `ed25519:` or `ed25519+ml-dsa-65:` and base64")]
pub struct OwnerKeyError;

/// Text that is no [`OwnerSignature`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no signature of an owner: expected base64 of 96 or 3405 bytes")]
pub struct OwnerSignatureError;

/// Bytes of an ML-DSA-65 public key (FIPS 204, table 2).
const ML_DSA_KEY_BYTES: usize = 1952;

/// Bytes of an ML-DSA-65 signature (FIPS 204, table 2).
const ML_DSA_SIGNATURE_BYTES: usize = 3309;

/// Keeps signatures of names apart from others that the same key may make (FIPS 204, section 5.2).
const ML_DSA_CONTEXT: &[u8] = b"casemate name";

impl OwnerKey {
    /// Bytes of [`OwnerKey::to_seed`].
    pub const SEED_BYTES: usize = 64;

    /// Makes a new key; `hybrid` with ML-DSA-65 beside Ed25519.
    pub fn generate(hybrid: bool, entropy: &dyn Entropy) -> Self {
        let mut seed = Zeroizing::new([0; Self::SEED_BYTES]);
        entropy.fill(&mut *seed);
        Self::from_seed(&seed, hybrid)
    }

    /// Rebuilds a key from its stored seed.
    pub fn from_seed(seed: &[u8; Self::SEED_BYTES], hybrid: bool) -> Self {
        let (first, second) = seed.split_at(32);
        let ed25519 = SigningKey::from_bytes(first.try_into().expect("32 bytes"));
        let ml_dsa = hybrid.then(|| Zeroizing::new(second.try_into().expect("32 bytes")));
        let key = ml_dsa.as_ref().map(|seed| {
            let encoded = ml_dsa_key(seed).verifying_key().encode();
            Box::new(<[u8; ML_DSA_KEY_BYTES]>::try_from(encoded.as_slice()).expect("the length of a key"))
        });
        let public = OwnerPublicKey { ed25519: ed25519.verifying_key(), ml_dsa: key };
        Self { ed25519, ml_dsa, public }
    }

    /// The seed, for storing it sealed. Whether the key is hybrid is stored beside it.
    pub fn to_seed(&self) -> Zeroizing<[u8; Self::SEED_BYTES]> {
        let mut seed = Zeroizing::new([0; Self::SEED_BYTES]);
        seed[..32].copy_from_slice(Zeroizing::new(self.ed25519.to_bytes()).as_slice());
        if let Some(second) = &self.ml_dsa {
            seed[32..].copy_from_slice(second.as_slice());
        }
        seed
    }

    /// The public half.
    pub fn public_key(&self) -> &OwnerPublicKey {
        &self.public
    }

    /// Signs bytes that begin with the magic of what they are.
    pub(crate) fn sign(&self, bytes: &[u8]) -> OwnerSignature {
        let ml_dsa = self.ml_dsa.as_ref().map(|seed| {
            let signed = ml_dsa_key(seed).expanded_key().sign_deterministic(bytes, ML_DSA_CONTEXT);
            let encoded = signed.expect("the context is short").encode();
            Box::new(encoded.as_slice().try_into().expect("the length of a signature"))
        });
        OwnerSignature {
            signer: self.public.fingerprint(),
            ed25519: self.ed25519.sign(bytes).to_bytes(),
            ml_dsa,
        }
    }
}

fn ml_dsa_key(seed: &[u8; 32]) -> ml_dsa::SigningKey<MlDsa65> {
    ml_dsa::SigningKey::from_seed(&(*seed).into())
}

impl OwnerPublicKey {
    /// What it is called where it is too long: the digest of its bytes.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Whether signatures by it are hybrid.
    pub fn is_hybrid(&self) -> bool {
        self.ml_dsa.is_some()
    }

    /// The algorithm, 1 or 2, and the keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![if self.is_hybrid() { 2 } else { 1 }];
        bytes.extend(self.ed25519.as_bytes());
        bytes.extend(self.ml_dsa.iter().flat_map(|key| key.iter()));
        bytes
    }

    /// Reads [`OwnerPublicKey::to_bytes`]; `None` if they are no key, or of one that would accept a signature for anything.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (algorithm, keys) = bytes.split_first()?;
        let (ed25519, rest) = keys.split_first_chunk()?;
        let ed25519 = Some(ed25519).filter(|bytes| is_canonical(bytes));
        let ed25519 = VerifyingKey::from_bytes(ed25519?).ok().filter(|key| !key.is_weak())?;
        let ml_dsa = match algorithm {
            1 if rest.is_empty() => None,
            2 => Some(Box::new(rest.try_into().ok()?)),
            _ => return None,
        };
        Some(Self { ed25519, ml_dsa })
    }

    /// Checks a signature of these bytes.
    pub(crate) fn verify(&self, bytes: &[u8], signature: &OwnerSignature) -> Result<(), BadSignature> {
        let ed25519 = Signature::from_bytes(&signature.ed25519);
        self.ed25519.verify_strict(bytes, &ed25519).map_err(|_| BadSignature)?;
        match (&self.ml_dsa, &signature.ml_dsa) {
            (None, None) => Ok(()),
            (Some(key), Some(signature)) => verify_ml_dsa(key, bytes, signature),
            _ => Err(BadSignature),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.raw(&self.to_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Option<Self>, DecodeError> {
        let algorithm = reader.u8(field)?;
        let length = match algorithm {
            0 => return Ok(None),
            1 => 32,
            2 => 32 + ML_DSA_KEY_BYTES,
            _ => return Err(DecodeError::Value { field }),
        };
        let mut bytes = vec![algorithm];
        bytes.extend(reader.raw(field, length)?);
        Self::from_bytes(&bytes).map(Some).ok_or(DecodeError::Value { field })
    }
}

/// Whether a compressed point is spelled the one way that RFC 8032 gives: its y is below 2^255 - 19. Another spelling of a key
/// would be another owner to us, and the same to whoever decodes it.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let (low, high) = (bytes[0], bytes[31] & 0x7f);
    high < 0x7f || bytes[1..31].iter().any(|byte| *byte < 0xff) || low < 0xed
}

fn verify_ml_dsa(
    key: &[u8; ML_DSA_KEY_BYTES],
    bytes: &[u8],
    signature: &[u8; ML_DSA_SIGNATURE_BYTES],
) -> Result<(), BadSignature> {
    let key = EncodedVerifyingKey::<MlDsa65>::try_from(key.as_slice()).map_err(|_| BadSignature)?;
    let encoded = EncodedSignature::<MlDsa65>::try_from(signature.as_slice()).map_err(|_| BadSignature)?;
    let signature = ml_dsa::Signature::<MlDsa65>::decode(&encoded).ok_or(BadSignature)?;
    let key = ml_dsa::VerifyingKey::<MlDsa65>::decode(&key);
    if key.verify_with_context(bytes, ML_DSA_CONTEXT, &signature) { Ok(()) } else { Err(BadSignature) }
}

impl OwnerSignature {
    /// Most bytes of one.
    pub(crate) const BYTES_MAX: usize = 32 + 64 + ML_DSA_SIGNATURE_BYTES;

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signer.as_bytes().to_vec();
        bytes.extend(self.ed25519);
        bytes.extend(self.ml_dsa.iter().flat_map(|signature| signature.iter()));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (signer, rest) = bytes.split_first_chunk()?;
        let (ed25519, rest) = rest.split_first_chunk()?;
        let ml_dsa = if rest.is_empty() { None } else { Some(Box::new(rest.try_into().ok()?)) };
        Some(Self { signer: Digest::from_bytes(*signer), ed25519: *ed25519, ml_dsa })
    }
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnerPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnerPublicKey({})", self.fingerprint())
    }
}

impl fmt::Debug for OwnerSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnerSignature(by {})", self.signer)
    }
}

impl fmt::Display for OwnerPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = if self.is_hybrid() { HYBRID } else { ED25519 };
        write!(f, "{algorithm}{}", BASE64.encode(&self.to_bytes()[1..]))
    }
}

impl FromStr for OwnerPublicKey {
    type Err = OwnerKeyError;

    fn from_str(text: &str) -> Result<Self, OwnerKeyError> {
        let read = |number: u8, text: &str| {
            let mut bytes = vec![number];
            bytes.extend(BASE64.decode(text.as_bytes()).ok()?);
            Self::from_bytes(&bytes)
        };
        let key = match (text.strip_prefix(ED25519), text.strip_prefix(HYBRID)) {
            (Some(text), _) => read(1, text),
            (None, Some(text)) => read(2, text),
            (None, None) => None,
        };
        key.ok_or(OwnerKeyError)
    }
}

impl fmt::Display for OwnerSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.to_bytes()))
    }
}

impl FromStr for OwnerSignature {
    type Err = OwnerSignatureError;

    fn from_str(text: &str) -> Result<Self, OwnerSignatureError> {
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| OwnerSignatureError)?;
        Self::from_bytes(&bytes).ok_or(OwnerSignatureError)
    }
}

/// What the text form of a key begins with.
const ED25519: &str = "ed25519:";
const HYBRID: &str = "ed25519+ml-dsa-65:";
