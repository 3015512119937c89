use std::fmt;

use data_encoding::BASE64;

use crate::inscription::{Inscription, Lines};
use crate::verify::{Place, Problem, VerifyError, verify_parts};
use crate::{Checkpoint, DecodeError, Inclusion, NodePublicKey, SignedReceipt};

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
    pub(crate) inscription: Inscription,
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
        let bundle = Self {
            key: key.clone(),
            signer: signer.cloned(),
            receipt: SignedReceipt::decode(receipt)?,
            inscription: Inscription::new(inclusion),
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
        let mut lines = Lines::new(bytes);
        lines.exactly(HEADER, Place::Bundle)?;
        let key = lines.after("key ", Place::Key)?;
        let signer = lines.perhaps_after("signer ").map(str::parse).transpose();
        let signer = signer.map_err(|_| malformed(Place::Signer))?;
        let receipt = lines.base64("receipt ", Place::Receipt)?;
        let key: NodePublicKey = key.parse().map_err(|_| malformed(Place::Key))?;
        let inscription = Inscription::parse(lines, &key)?;
        let receipt = SignedReceipt::decode(&receipt)
            .map_err(|error| VerifyError { place: Place::Receipt, problem: error.into() })?;
        let bundle = Self { key, signer, receipt, inscription };
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
        &self.inscription.checkpoint
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
        write!(f, "{}", self.inscription)
    }
}

const HEADER: &str = "casemate bundle v1";
