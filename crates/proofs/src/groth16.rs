use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_groth16::{Groth16, Proof, VerifyingKey, prepare_verifying_key};
use ark_serialize::{CanonicalDeserialize, SerializationError};

use crate::system::{KEY_BYTES_MAX, PROOF_BYTES_MAX};
use crate::{ProofError, ProofSystem, Statement};

/// Groth16 over the curve BN254. Its keys come out of a ceremony, for one circuit each: whoever knows what was random there can
/// prove anything under the key, which is why only an operator registers one.
pub struct Groth16Bn254;

/// The halves of a statement's digest.
const INPUTS: usize = 2;

impl ProofSystem for Groth16Bn254 {
    fn check_key(&self, key: &[u8]) -> Result<(), ProofError> {
        read_key(key).map(drop)
    }

    fn verify(&self, key: &[u8], statement: &Statement, proof: &[u8]) -> Result<bool, ProofError> {
        let key = read_key(key)?;
        let proof: Proof<Bn254> = read(proof, PROOF_BYTES_MAX)?;
        let inputs = statement.public_inputs().map(Fr::from);
        // It fails only where the inputs are not as many as the key wants, which was looked at.
        let unfit = |_| ProofError::Malformed("it does not fit the key".to_owned());
        Groth16::<Bn254>::verify_proof(&prepare_verifying_key(&key), &proof, &inputs).map_err(unfit)
    }
}

fn read_key(key: &[u8]) -> Result<VerifyingKey<Bn254>, ProofError> {
    let key: VerifyingKey<Bn254> = read(key, KEY_BYTES_MAX)?;
    // No setup gives one of these, and anybody could make proofs that hold under such a key.
    let (no_g1, no_g2) = (G1Affine::default(), G2Affine::default());
    if key.alpha_g1 == no_g1 || [key.beta_g2, key.gamma_g2, key.delta_g2].contains(&no_g2) {
        return Err(ProofError::Malformed("one of its points is that at infinity".to_owned()));
    }
    match key.gamma_abc_g1.len().checked_sub(1) {
        Some(INPUTS) => Ok(key),
        given => Err(ProofError::Inputs { given: given.unwrap_or_default(), wanted: INPUTS }),
    }
}

/// Reads something to its last byte. Points are checked to be on their curve and in their group.
fn read<T: CanonicalDeserialize>(mut bytes: &[u8], bytes_max: usize) -> Result<T, ProofError> {
    if bytes.len() > bytes_max {
        return Err(ProofError::TooLarge { given: bytes.len(), max: bytes_max });
    }
    let value = T::deserialize_compressed(&mut bytes);
    let value = value.map_err(|error| {
        let what = match error {
            SerializationError::IoError(_) | SerializationError::NotEnoughSpace => "it ends too early",
            _ => "it holds no compressed points of the curve BN254",
        };
        ProofError::Malformed(what.to_owned())
    })?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        Err(ProofError::Malformed(format!("{} bytes are left over", bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::Circuit;

    use super::*;

    #[test]
    fn a_proof_is_of_one_statement_under_one_key() {
        let (circuit, other) = (Circuit::new(1), Circuit::new(2));
        let (statement, another) = (Statement::of_text("one"), Statement::of_text("two"));
        let (key, proof) = (circuit.key(), circuit.prove(&statement, 3));
        let verify =
            |key: &[u8], statement: &Statement, proof: &[u8]| Groth16Bn254.verify(key, statement, proof);
        assert_eq!(Groth16Bn254.check_key(&key), Ok(()));
        assert_eq!(verify(&key, &statement, &proof), Ok(true));
        assert_eq!(verify(&key, &another, &proof), Ok(false), "of another task, module, input or output");
        assert_eq!(verify(&other.key(), &statement, &proof), Ok(false), "under another key");
        assert_ne!(circuit.prove(&statement, 4), proof, "the same statement has many proofs");
    }

    #[test]
    fn a_key_that_proves_everything_is_refused() {
        let (mut g1, mut g2) = ([0; 32], [0; 64]);
        (g1[31], g2[63]) = (0x40, 0x40);
        let count = 3u64.to_le_bytes();
        let key = [&g1[..], &g2, &g2, &g2, &count, &g1, &g1, &g1].concat();
        let refused = Groth16Bn254.check_key(&key);
        assert!(
            matches!(&refused, Err(ProofError::Malformed(why)) if why.contains("infinity")),
            "{refused:?}"
        );
    }

    #[test]
    fn what_is_changed_or_cut_is_no_proof() {
        let circuit = Circuit::new(1);
        let (statement, key) = (Statement::of_text("one"), circuit.key());
        let proof = circuit.prove(&statement, 3);
        for position in 0..proof.len() {
            let mut changed = proof.clone();
            changed[position] ^= 1;
            assert_ne!(Groth16Bn254.verify(&key, &statement, &changed), Ok(true), "bit of byte {position}");
        }
        for bad in [&proof[..127], &[&proof[..], b"x"].concat(), b"", &[0xff; 128]] {
            let refused = Groth16Bn254.verify(&key, &statement, bad);
            assert!(matches!(refused, Err(ProofError::Malformed(_))), "{refused:?}");
        }
        let huge = vec![0; PROOF_BYTES_MAX + 1];
        assert!(matches!(Groth16Bn254.verify(&key, &statement, &huge), Err(ProofError::TooLarge { .. })));
        // A length that claims more than there is.
        let mut lying = key.clone();
        let at = lying.len() - 3 * 32 - 8;
        lying[at..at + 8].fill(0x7f);
        assert!(Groth16Bn254.check_key(&lying).is_err());
    }

    #[test]
    fn a_key_for_other_inputs_is_refused() {
        let key = Circuit::with_inputs(3).key();
        assert_eq!(Groth16Bn254.check_key(&key), Err(ProofError::Inputs { given: 3, wanted: 2 }));
    }
}
