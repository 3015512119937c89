use std::fmt;
use std::str::FromStr;

use crate::{Groth16Bn254, Statement};

/// Most bytes of a key: as many as are a text of 64 KiB in Base64, which is the longest that the API takes.
pub const KEY_BYTES_MAX: usize = 48 << 10;
/// Most bytes of a proof, for the same reason.
pub const PROOF_BYTES_MAX: usize = 48 << 10;

/// A system of proofs. What it reads comes from strangers; it checks all of it, and takes no longer than its sizes explain.
pub trait ProofSystem: Send + Sync {
    /// Whether `key` is one whose proofs are of a statement and of nothing else.
    fn check_key(&self, key: &[u8]) -> Result<(), ProofError>;

    /// Whether `proof` is one of `statement` under `key`. An error says why it is no proof at all.
    fn verify(&self, key: &[u8], statement: &Statement, proof: &[u8]) -> Result<bool, ProofError>;
}

/// Why bytes are no key or no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// They cannot be read.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// There are more than there may be.
    #[error("it has {given} bytes, at most {max} are taken")]
    TooLarge {
        /// How many there are.
        given: usize,
        /// How many there may be.
        max: usize,
    },
    /// A key takes other public inputs than a statement has.
    #[error("its circuit takes {given} public inputs; a statement has {wanted}: the halves of its digest")]
    Inputs {
        /// How many it takes.
        given: usize,
        /// How many there are.
        wanted: usize,
    },
}

/// The name of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemName {
    /// Groth16 over BN254, keys and proofs as arkworks writes them, compressed.
    Groth16Bn254,
}

/// Text that is no [`SystemName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no proof system `{0}`: the only one is groth16-bn254")]
pub struct SystemNameError(String);

impl SystemName {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Groth16Bn254 => "groth16-bn254",
        }
    }

    /// The system.
    pub fn system(self) -> &'static dyn ProofSystem {
        match self {
            Self::Groth16Bn254 => &Groth16Bn254,
        }
    }
}

impl fmt::Display for SystemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SystemName {
    type Err = SystemNameError;

    fn from_str(text: &str) -> Result<Self, SystemNameError> {
        if text == Self::Groth16Bn254.as_str() {
            return Ok(Self::Groth16Bn254);
        }
        Err(SystemNameError(text.chars().take(40).collect()))
    }
}
