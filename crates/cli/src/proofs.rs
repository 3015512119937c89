use std::time::Duration;

use casemate_api::{Client, ClientError, ProblemCode};
use casemate_ledger::verify::{Place, Problem, VerifyError};
use casemate_ledger::{Checkpoint, NodePublicKey, TreeHash, verify_consistency};
use data_encoding::HEXLOWER;

use crate::known::{Known, Memory};
use crate::report::CliError;

/// How often the node is asked for a proof that is not ready: the log catches up within a second.
const ATTEMPTS: u32 = 50;

const PAUSE: Duration = Duration::from_millis(200);

/// Asks until the signed log covers what is asked for.
pub(crate) async fn until_ready<T, F>(mut ask: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::ProofPending => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

/// Fetches a task's receipt.
pub(crate) async fn receipt(client: &Client, task: &str) -> Result<String, ClientError> {
    until_ready(|| client.tasks_receipt(task)).await
}

/// Compares a checkpoint that came with a proof with what this user saw of the log before, and remembers the newer: by the node's
/// proof that the log only grew from one to the other. A log that was never seen is neither believed nor remembered here.
pub(crate) async fn agree(
    client: &Client,
    memory: &Memory,
    (key, found): (&NodePublicKey, &Checkpoint),
    what: &str,
) -> Result<(), CliError> {
    let Some(known) = memory.recall(key.origin())? else { return Ok(()) };
    let refused = |place, problem| {
        let source = VerifyError { place, problem };
        CliError::Refused { what: what.to_owned(), source }
    };
    if known.key != *key {
        return Err(refused(Place::Key, Problem::OtherKey));
    }
    let fork = || refused(Place::KnownCheckpoint, Problem::Fork);
    let ends = |checkpoint: &Checkpoint| (checkpoint.size(), checkpoint.root());
    let (old, new) = if known.checkpoint.size() <= found.size() {
        (ends(&known.checkpoint), ends(found))
    } else {
        (ends(found), ends(&known.checkpoint))
    };
    if old.0 == new.0 {
        return if old == new { Ok(()) } else { Err(fork()) };
    }
    let hashes = match client.audit_consistency(old.0, new.0).await {
        Ok(proof) => proof.hashes.iter().map(|text| hash(text)).collect::<Option<Vec<_>>>(),
        // It signed more than it says it has.
        Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    match hashes.map(|hashes| verify_consistency(old, new, &hashes)) {
        Some(Ok(())) => {}
        Some(Err(_)) | None => return Err(fork()),
    }
    memory.remember(&Known { key: key.clone(), checkpoint: found.clone() }).map(drop)
}

fn hash(text: &str) -> Option<TreeHash> {
    Some(TreeHash::from_bytes(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
}
