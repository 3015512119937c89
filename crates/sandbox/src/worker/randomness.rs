use std::convert::Infallible;

use rand_core::TryRng;
use sha2::{Digest, Sha256};

/// The randomness of the deterministic profile: SHA-256 of seed, stream and counter.
///
/// Defined here and not taken from a library, because receipts are re-executed years later and the bytes must
/// not change with a dependency.
pub(super) struct SeededRandomness {
    seed: [u8; 32],
    stream: u8,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl SeededRandomness {
    /// A stream of its own for each `stream` of one seed.
    pub(super) fn new(seed: [u8; 32], stream: u8) -> Self {
        Self { seed, stream, counter: 0, block: [0; 32], used: 32 }
    }

    /// The next 16 bytes as a number.
    pub(super) fn next_u128(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == self.block.len() {
                let mut hash = Sha256::new();
                hash.update(b"casemate det-1 randomness");
                hash.update(self.seed);
                hash.update([self.stream]);
                hash.update(self.counter.to_le_bytes());
                self.block = hash.finalize().into();
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

impl TryRng for SeededRandomness {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let take = |seed, stream| SeededRandomness::new([seed; 32], stream).next_u128();
        assert_eq!(take(1, 0), take(1, 0));
        assert_ne!(take(1, 0), take(1, 1));
        assert_ne!(take(1, 0), take(2, 0));
    }

    #[test]
    fn the_bytes_never_change() {
        let bytes: [u8; 8] = SeededRandomness::new([0; 32], 0).array();
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), "a53c7c70b2803390");
    }
}
