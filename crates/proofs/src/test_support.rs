//! A circuit for tests: it holds for every statement, so that what is tested is which proof is of which.

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::{Groth16, ProvingKey};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_serialize::CanonicalSerialize;
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;

use crate::Statement;

/// A circuit with its keys, whose proofs anybody can make.
pub struct Circuit {
    key: ProvingKey<Bn254>,
}

/// Says that a number is the product of two others, which are public.
#[derive(Clone)]
struct Product(Vec<Fr>);

impl ConstraintSynthesizer<Fr> for Product {
    fn generate_constraints(self, system: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let inputs = self.0.iter().map(|value| system.new_input_variable(|| Ok(*value)));
        let inputs: Vec<Variable> = inputs.collect::<Result<_, _>>()?;
        let product = self.0[0] * self.0[1];
        let product = system.new_witness_variable(|| Ok(product))?;
        let one = |variable: Variable| move || LinearCombination::from(variable);
        system.enforce_r1cs_constraint(one(inputs[0]), one(inputs[1]), one(product))
    }
}

impl Circuit {
    /// The circuit, with keys that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self::of(2, seed)
    }

    /// One with another number of public inputs.
    pub fn with_inputs(inputs: usize) -> Self {
        Self::of(inputs, 0)
    }

    fn of(inputs: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let values = (0..inputs).map(|_| Fr::rand(&mut random)).collect();
        let key = Groth16::<Bn254>::generate_random_parameters_with_reduction(Product(values), &mut random);
        Self { key: key.expect("the circuit has constraints") }
    }

    /// The key that proofs are checked with.
    pub fn key(&self) -> Vec<u8> {
        written(&self.key.vk)
    }

    /// A proof of a statement.
    pub fn prove(&self, statement: &Statement, seed: u64) -> Vec<u8> {
        let mut random = StdRng::seed_from_u64(seed);
        let inputs = statement.public_inputs().map(Fr::from).to_vec();
        let proof =
            Groth16::<Bn254>::create_random_proof_with_reduction(Product(inputs), &self.key, &mut random);
        written(&proof.expect("the witness is known"))
    }
}

fn written(value: &impl CanonicalSerialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.serialize_compressed(&mut bytes).expect("memory takes everything");
    bytes
}
