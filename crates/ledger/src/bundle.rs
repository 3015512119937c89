use std::fmt;

use data_encoding::BASE64;

use crate::verify::{Place, Problem, VerifyError, verify_parts};
use crate::{Checkpoint, DecodeError, Entry, Inclusion, NodePublicKey, SignedReceipt, TreeHash};

/// Everything that proves one receipt without a node or network: the signed receipt, the log entry that names it,
/// the proof that the entry is in the log, and the log's checkpoint. `docs/formats/bundle.md` lays down the text.
///
/// ```text
///   casemate bundle v1
///   key casemate/0f1e2d3c4b5a6978+1a2b3c4d+Af…
///   signer casemate/…                only if a node that has joined signed the receipt
///   receipt Q01TUgE…
///   entry Q01MRQE…
///   leaf gSKyXoYZ…
///
///   c2sp.org/tlog-proof@v1
///   index 17
///   B95lDa8R…                        one line per hash of the proof
///
///   casemate/0f1e2d3c4b5a6978        the checkpoint, to the end
///   …
/// ```
///
/// Parsing checks form, key and the checkpoint's signature; [`verify_bundle`](crate::verify::verify_bundle) checks
/// the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    pub(crate) key: NodePublicKey,
    /// Who signed the receipt, if that is not who signed the log.
    pub(crate) signer: Option<NodePublicKey>,
    pub(crate) receipt: SignedReceipt,
    pub(crate) entry: Vec<u8>,
    /// The entry's hash once more, which tells a damaged entry from a damaged proof.
    pub(crate) leaf: TreeHash,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<TreeHash>,
    pub(crate) checkpoint: Checkpoint,
}

/// Why a bundle could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The receipt's bytes are none.
    #[error("the stored receipt cannot be read")]
    Receipt(#[from] DecodeError),
    /// The parts do not prove the receipt.
    #[error("the receipt and its log entry do not belong together")]
    Mismatch(#[from] VerifyError),
}

impl Bundle {
    /// Most bytes of a bundle: the largest receipt in base64, and the rest.
    pub const BYTES_MAX: usize = 64 << 20;

    /// Joins the bytes of a receipt, signed by `signer` or else by who signs the log, with the proof of its log entry. What
    /// does not verify is refused.
    pub fn new(
        receipt: &[u8],
        signer: Option<&NodePublicKey>,
        inclusion: Inclusion,
        key: &NodePublicKey,
    ) -> Result<Self, BundleError> {
        let Inclusion { sequence, entry, hashes, checkpoint } = inclusion;
        let bundle = Self {
            key: key.clone(),
            signer: signer.cloned(),
            receipt: SignedReceipt::decode(receipt)?,
            leaf: TreeHash::of_leaf(&entry),
            entry,
            index: sequence,
            hashes,
            checkpoint,
        };
        verify_parts(&bundle)?;
        Ok(bundle)
    }

    /// Reads a bundle. Any byte that the writer would not have written is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, VerifyError> {
        let malformed = |place| VerifyError { place, problem: Problem::Malformed };
        if bytes.len() > Self::BYTES_MAX {
            return Err(malformed(Place::Bundle));
        }
        let mut lines = Lines { rest: bytes };
        lines.exactly(HEADER, Place::Bundle)?;
        let key = lines.after("key ", Place::Key)?;
        let signer = lines.perhaps_after("signer ").map(str::parse).transpose();
        let signer = signer.map_err(|_| malformed(Place::Signer))?;
        let receipt = lines.base64("receipt ", Place::Receipt)?;
        let entry = lines.base64("entry ", Place::Entry(None))?;
        let leaf = lines.after("leaf ", Place::Leaf)?;
        lines.exactly("", Place::Bundle)?;
        lines.exactly(PROOF_HEADER, Place::Proof)?;
        let index = lines.after("index ", Place::Proof)?;
        let mut hashes = Vec::new();
        loop {
            match lines.next(Place::Proof)? {
                "" => break,
                _ if hashes.len() == HASHES_MAX => return Err(malformed(Place::Proof)),
                line => hashes.push(TreeHash::from_base64(line).ok_or(malformed(Place::Proof))?),
            }
        }
        let key: NodePublicKey = key.parse().map_err(|_| malformed(Place::Key))?;
        let index: u64 = index.parse().map_err(|_| malformed(Place::Proof))?;
        let checkpoint = std::str::from_utf8(lines.rest).map_err(|_| malformed(Place::Checkpoint))?;
        let checkpoint = Checkpoint::open(checkpoint, &key)
            .map_err(|error| VerifyError { place: Place::Checkpoint, problem: error.into() })?;
        let receipt = SignedReceipt::decode(&receipt)
            .map_err(|error| VerifyError { place: Place::Receipt, problem: error.into() })?;
        Entry::decode(&entry)
            .map_err(|error| VerifyError { place: Place::Entry(Some(index)), problem: error.into() })?;
        let leaf = TreeHash::from_base64(leaf).ok_or(malformed(Place::Leaf))?;
        let bundle = Self { key, signer, receipt, entry, leaf, index, hashes, checkpoint };
        // The pieces have one spelling each, except for numbers: `index 017`.
        if bundle.to_string().as_bytes() != bytes {
            return Err(malformed(Place::Proof));
        }
        Ok(bundle)
    }

    /// The signed receipt.
    pub fn receipt(&self) -> &SignedReceipt {
        &self.receipt
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The key that the bundle says it was signed with. It proves nothing unless it is known from elsewhere.
    pub fn key(&self) -> &NodePublicKey {
        &self.key
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        writeln!(f, "key {}", self.key)?;
        if let Some(signer) = &self.signer {
            writeln!(f, "signer {signer}")?;
        }
        writeln!(f, "receipt {}", BASE64.encode(self.receipt.as_bytes()))?;
        writeln!(f, "entry {}", BASE64.encode(&self.entry))?;
        writeln!(f, "leaf {}", self.leaf.to_base64())?;
        writeln!(f, "\n{PROOF_HEADER}")?;
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The lines of a bundle; each failure names the part that the line belongs to.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn next(&mut self, place: Place) -> Result<&'a str, VerifyError> {
        let malformed = || VerifyError { place, problem: Problem::Malformed };
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(malformed)?;
        let (line, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        std::str::from_utf8(line).map_err(|_| malformed())
    }

    /// The rest of the next line if it begins so; else the line is still to come.
    fn perhaps_after(&mut self, keyword: &str) -> Option<&'a str> {
        let mut ahead = Self { rest: self.rest };
        let found = ahead.next(Place::Bundle).ok()?.strip_prefix(keyword)?;
        self.rest = ahead.rest;
        Some(found)
    }

    fn exactly(&mut self, expected: &str, place: Place) -> Result<(), VerifyError> {
        self.after(expected, place)?
            .is_empty()
            .then_some(())
            .ok_or(VerifyError { place, problem: Problem::Malformed })
    }

    fn after(&mut self, keyword: &str, place: Place) -> Result<&'a str, VerifyError> {
        let line = self.next(place)?;
        line.strip_prefix(keyword).ok_or(VerifyError { place, problem: Problem::Malformed })
    }

    fn base64(&mut self, keyword: &str, place: Place) -> Result<Vec<u8>, VerifyError> {
        let text = self.after(keyword, place)?;
        BASE64.decode(text.as_bytes()).map_err(|_| VerifyError { place, problem: Problem::Malformed })
    }
}

const HEADER: &str = "casemate bundle v1";

/// From here on the text is a C2SP tlog-proof of the entry, readable by other tools.
const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A tree of 2^64 entries has no longer proofs.
const HASHES_MAX: usize = 64;
