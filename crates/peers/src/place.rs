use std::collections::HashMap;

use casemate_ledger::{NameBundle, NodePublicKey};
use casemate_model::{Digest, Name, RegistryId};

/// Where a registry's proof of a name is looked for: `SHA-256("casemate name place v1\n" <registry> "\n" <name> "\n")`.
pub fn place(registry: RegistryId, name: &Name) -> Digest {
    Digest::of(format!("casemate name place v1\n{registry}\n{name}\n").as_bytes())
}

/// The registries that a node knows, each with the keys of its logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registries {
    keys: HashMap<RegistryId, Vec<NodePublicKey>>,
}

impl Registries {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes one more key about a registry.
    pub fn add(&mut self, registry: RegistryId, key: NodePublicKey) {
        let keys = self.keys.entry(registry).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Whether anything is believed about a registry.
    pub fn knows(&self, registry: RegistryId) -> bool {
        self.keys.contains_key(&registry)
    }

    /// The registries.
    pub fn all(&self) -> impl Iterator<Item = RegistryId> {
        self.keys.keys().copied()
    }

    /// The keys of the logs of a registry.
    pub fn keys(&self, registry: RegistryId) -> &[NodePublicKey] {
        self.keys.get(&registry).map(Vec::as_slice).unwrap_or_default()
    }

    /// The names of all logs.
    pub fn all_logs(&self) -> impl Iterator<Item = &str> {
        self.keys.values().flatten().map(NodePublicKey::origin)
    }

    /// Whether a proof is by a key that is believed about the registry whose record it has.
    pub(crate) fn believe(&self, proof: &NameBundle) -> bool {
        let keys = self.keys.get(&proof.signed().record().registry);
        keys.is_some_and(|keys| keys.contains(proof.key()))
    }
}
