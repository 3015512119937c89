use http::Method;

use crate::client::path::Path;
use crate::client::transport::Call;
use crate::proofs::{
    AddVerificationKey, CheckedProofs, ProofStatement, ProofVerdict, VerificationKey, VerificationKeys,
    VerifyProof,
};
use crate::{Client, ClientError};

impl Client {
    /// `proofs.add_key`: registers a key that proofs are checked with.
    pub async fn proofs_add_key(&self, key: &AddVerificationKey) -> Result<VerificationKey, ClientError> {
        self.create(Call::new("proofs.add_key", Method::POST, Path::new("/verification-keys")).json(key))
            .await
    }

    /// `proofs.list_keys`: the project's keys.
    pub async fn proofs_list_keys(&self) -> Result<VerificationKeys, ClientError> {
        self.json(Call::new("proofs.list_keys", Method::GET, Path::new("/verification-keys"))).await
    }

    /// `proofs.remove_key`: removes a key.
    pub async fn proofs_remove_key(&self, id: &str) -> Result<(), ClientError> {
        let path = Path::new("/verification-keys").segment(id);
        self.whole(Call::new("proofs.remove_key", Method::DELETE, path)).await.map(drop)
    }

    /// `proofs.statement`: what a proof of a task must be of.
    pub async fn proofs_statement(&self, task: &str) -> Result<ProofStatement, ClientError> {
        let path = Path::new("/tasks").segment(task).then("/statement");
        self.json(Call::new("proofs.statement", Method::GET, path)).await
    }

    /// `proofs.verify`: checks a proof of a task.
    pub async fn proofs_verify(&self, proof: &VerifyProof) -> Result<ProofVerdict, ClientError> {
        self.json(Call::new("proofs.verify", Method::POST, Path::new("/proofs/verify")).json(proof)).await
    }

    /// `proofs.list`: what came of proofs of a task.
    pub async fn proofs_list(&self, task: &str) -> Result<CheckedProofs, ClientError> {
        let path = Path::new("/tasks").segment(task).then("/proofs");
        self.json(Call::new("proofs.list", Method::GET, path)).await
    }
}
