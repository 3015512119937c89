use std::fmt;

use data_encoding::BASE64;

use crate::{BadSignature, Cosignature, NodeKey, NodePublicKey, TreeHash};

/// A signed statement of how large a log is and what is in it: a C2SP tlog-checkpoint.
///
/// ```text
///   casemate/0f1e2d3c4b5a6978                                    origin
///   17                                                           entries
///   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=                 root
///
///   — casemate/0f1e2d3c4b5a6978 Az3grlgt…                        key id and Ed25519 signature
/// ```
///
/// Witnesses' cosignatures may follow, a line each. A value of this type had the log's signature checked: there is no other way to
/// get one. Cosignatures are checked by whoever knows the witness's key. `docs/formats/log.md`.
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: TreeHash,
    cosignatures: Vec<Cosignature>,
    text: String,
}

/// Why text is no checkpoint of the expected log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text does not have the form of a checkpoint.
    #[error("the {part} of the checkpoint is malformed")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// Another log, or another key.
    #[error("the checkpoint is signed by `{found}`, not by `{expected}`")]
    OtherKey {
        /// The key expected, by origin and key id.
        expected: String,
        /// The key that the signature names.
        found: String,
    },
    /// The signature is wrong.
    #[error("the checkpoint's signature does not hold")]
    Signature(#[source] BadSignature),
}

impl Checkpoint {
    /// Most bytes of a checkpoint.
    pub const BYTES_MAX: usize = 1024 + Self::COSIGNATURES_MAX * Cosignature::BYTES_MAX;

    /// Most cosignatures of one.
    pub const COSIGNATURES_MAX: usize = 8;

    pub(crate) fn sign(size: u64, root: TreeHash, key: &NodeKey) -> Self {
        let origin = key.origin().to_owned();
        let body = body(&origin, size, &root);
        let mut signature = key.public_key().id().to_vec();
        signature.extend(key.sign(body.as_bytes()));
        let text = format!("{body}\n{DASH}{origin} {}\n", BASE64.encode(&signature));
        Self { origin, size, root, cosignatures: Vec::new(), text }
    }

    /// Reads a checkpoint and checks that `key` signed it. Only the exact form that this crate writes is read: no
    /// extension lines, and after the log's signature nothing but cosignatures.
    pub fn open(text: &str, key: &NodePublicKey) -> Result<Self, CheckpointError> {
        let malformed = |part| CheckpointError::Malformed { part };
        if text.len() > Self::BYTES_MAX {
            return Err(malformed("length"));
        }
        let (note, signature) = text.split_once("\n\n").ok_or(malformed("signature"))?;
        let mut lines = note.split('\n');
        let origin = lines.next().ok_or(malformed("origin"))?;
        let size = lines.next().and_then(|line| line.parse().ok()).ok_or(malformed("size"))?;
        let root = lines.next().and_then(TreeHash::from_base64).ok_or(malformed("root"))?;
        let body = body(origin, size, &root);
        if body.strip_suffix('\n') != Some(note) {
            return Err(malformed("text"));
        }
        let (own, others) = match signature.split_once('\n') {
            Some((own, others)) => (&signature[..=own.len()], others),
            None => (signature, ""),
        };
        let signature = open_signature(own, key)?;
        let cosignatures = open_cosignatures(others).ok_or(malformed("cosignatures"))?;
        if origin != key.origin() {
            return Err(malformed("origin"));
        }
        key.verify(body.as_bytes(), &signature).map_err(CheckpointError::Signature)?;
        Ok(Self { origin: origin.to_owned(), size, root, cosignatures, text: text.to_owned() })
    }

    /// The same with these cosignatures instead of its own, of which at most [`Checkpoint::COSIGNATURES_MAX`] are kept.
    pub fn with_cosignatures(&self, mut cosignatures: Vec<Cosignature>) -> Self {
        cosignatures.truncate(Self::COSIGNATURES_MAX);
        let lines = self.cosignatures.len();
        let alone: Vec<_> = self.text.split_inclusive('\n').collect();
        let mut text = alone[..alone.len() - lines].concat();
        for cosignature in &cosignatures {
            text.push_str(&format!("{cosignature}\n"));
        }
        Self { cosignatures, text, ..self.clone() }
    }

    /// What witnesses say, unchecked.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// What is signed.
    pub(crate) fn body(&self) -> String {
        body(&self.origin, self.size, &self.root)
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree over them.
    pub fn root(&self) -> TreeHash {
        self.root
    }

    /// The signed note.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn body(origin: &str, size: u64, root: &TreeHash) -> String {
    format!("{origin}\n{size}\n{}\n", root.to_base64())
}

fn open_signature(line: &str, key: &NodePublicKey) -> Result<[u8; 64], CheckpointError> {
    let malformed = CheckpointError::Malformed { part: "signature" };
    let named = line.strip_prefix(DASH).and_then(|line| line.strip_suffix('\n'));
    let (name, signature) = named.and_then(|line| line.split_once(' ')).ok_or(malformed.clone())?;
    let signature = BASE64.decode(signature.as_bytes()).map_err(|_| malformed.clone())?;
    let (id, signature) = signature.split_first_chunk().ok_or(malformed.clone())?;
    if name != key.origin() || *id != key.id() {
        return Err(CheckpointError::OtherKey {
            expected: key_name(key.origin(), key.id()),
            found: key_name(name, *id),
        });
    }
    signature.try_into().map_err(|_| malformed)
}

/// Reads what follows the log's signature: lines of cosignatures, in the one way to spell them.
fn open_cosignatures(text: &str) -> Option<Vec<Cosignature>> {
    let lines = text.split_inclusive('\n').map(|line| line.strip_suffix('\n').and_then(Cosignature::parse));
    let read: Vec<_> = lines.take(Checkpoint::COSIGNATURES_MAX + 1).collect::<Option<_>>()?;
    let written: String = read.iter().map(|cosignature| format!("{cosignature}\n")).collect();
    (read.len() <= Checkpoint::COSIGNATURES_MAX && written == text).then_some(read)
}

fn key_name(origin: &str, id: [u8; 4]) -> String {
    crate::text::escape(&format!("{origin}+{:08x}", u32::from_be_bytes(id)), 300)
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checkpoint({} {} {:?})", self.origin, self.size, self.root)
    }
}

/// What a signature line of a signed note begins with.
const DASH: &str = "— ";

/// The longest checkpoint: an origin twice, a size of 20 digits, a root, a signature, and the signs between.
const _: () = assert!(2 * crate::node_key::ORIGIN_BYTES_MAX + 20 + 44 + 92 + 10 <= 1024);

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> NodeKey {
        NodeKey::from_seed(&[7; 32])
    }

    #[test]
    fn what_is_signed_opens() {
        let root = TreeHash::of_leaf(b"entry");
        let signed = Checkpoint::sign(17, root, &key());
        let opened = Checkpoint::open(signed.as_str(), key().public_key());
        assert_eq!(opened, Ok(signed.clone()));
        assert_eq!((signed.origin(), signed.size(), signed.root()), (key().origin(), 17, root));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let signed = Checkpoint::sign(17, TreeHash::of_leaf(b"entry"), &key());
        for index in 0..signed.as_str().len() {
            for bit in 0..8 {
                let mut bytes = signed.as_str().as_bytes().to_vec();
                bytes[index] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(Checkpoint::open(&text, key().public_key()).is_err(), "byte {index} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn another_key_is_named() {
        let other = NodeKey::from_seed(&[8; 32]);
        let signed = Checkpoint::sign(17, TreeHash::of_nothing(), &other);
        let error = Checkpoint::open(signed.as_str(), key().public_key()).expect_err("another key");
        assert!(matches!(error, CheckpointError::OtherKey { .. }), "{error}");
        assert!(error.to_string().contains(other.origin()), "{error}");
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = Checkpoint::sign(17, TreeHash::of_nothing(), &key()).as_str().to_owned();
        for (from, to) in [("\n17\n", "\n+17\n"), ("\n17\n", "\n017\n"), ("=\n\n", "=\nextension\n\n")] {
            let error = Checkpoint::open(&text.replacen(from, to, 1), key().public_key());
            assert_eq!(error, Err(CheckpointError::Malformed { part: "text" }));
        }
        for text in
            [format!("{text}x"), format!("{text}\n"), text.repeat(2), String::new(), "\n\n".to_owned()]
        {
            Checkpoint::open(&text, key().public_key()).expect_err("another spelling");
        }
    }
}
