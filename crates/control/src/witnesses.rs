//! Having the log's checkpoints cosigned by witnesses, so that nobody can be shown another history than everybody else.

use std::time::Duration;

use casemate_ledger::{AddCheckpoint, Checkpoint, Cosignature, LogError};
use casemate_witness::{Answered, Asked, AskedError};

use crate::Control;

/// How long after a checkpoint was cosigned the next one is, at least: witnesses are asked for one of many that come together.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited when none could be had.
const RETRY: Duration = Duration::from_secs(10);

/// Why a witness's cosignature is missing.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(transparent)]
    Asked(#[from] AskedError),
    #[error("it saw {seen} entries of this log, which has {size}: has the log gone back?")]
    Ahead { seen: u64, size: u64 },
    #[error("it changes its mind about what it saw")]
    Undecided,
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Has each checkpoint cosigned, as far as witnesses answer.
pub(crate) async fn witness(control: Control) {
    let witnesses = control.parts.witnesses.clone();
    if witnesses.is_empty() {
        return;
    }
    // Up to where each is known to have seen the log; a witness that saw more says so.
    let mut seen = vec![0; witnesses.len()];
    let mut cosigned = 0;
    while !control.stopping.is_cancelled() {
        control.stopping.run_until_cancelled(control.parts.log.covers(cosigned)).await;
        let Ok(checkpoint) = control.parts.log.newest().await else { return };
        let asked = witnesses
            .iter()
            .zip(&mut seen)
            .map(|(witness, seen)| cosign(&control, &**witness, &checkpoint, seen));
        let asked = control.stopping.run_until_cancelled(futures_util::future::join_all(asked)).await;
        let cosignatures: Vec<_> = asked.into_iter().flatten().flatten().collect();
        let pause = if cosignatures.is_empty() {
            RETRY
        } else {
            cosigned = checkpoint.size();
            control.parts.log.publish_cosigned(checkpoint.with_cosignatures(cosignatures));
            PAUSE
        };
        control.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// What a witness says of a checkpoint; nothing if it does not answer.
async fn cosign(
    control: &Control,
    witness: &dyn Asked,
    checkpoint: &Checkpoint,
    seen: &mut u64,
) -> Option<Cosignature> {
    let name = witness.key().name().to_owned();
    match try_cosign(control, witness, checkpoint, seen).await {
        Ok(cosignature) => {
            *seen = checkpoint.size();
            metrics::counter!("casemate_witness_answers_total", "witness" => name, "outcome" => "cosigned")
                .increment(1);
            Some(cosignature)
        }
        Err(error) => {
            tracing::warn!(witness = %name, error = &error as &dyn std::error::Error, "a witness did not cosign the log");
            metrics::counter!("casemate_witness_answers_total", "witness" => name, "outcome" => "failed")
                .increment(1);
            None
        }
    }
}

async fn try_cosign(
    control: &Control,
    witness: &dyn Asked,
    checkpoint: &Checkpoint,
    seen: &mut u64,
) -> Result<Cosignature, Missing> {
    // Once more if it is somewhere else than was thought.
    for _ in 0..2 {
        let hashes = control.parts.log.prove_growth(*seen, checkpoint.clone()).await?;
        let request = AddCheckpoint { old: *seen, hashes, checkpoint: checkpoint.to_string() };
        match witness.ask(&request, checkpoint).await? {
            Answered::Cosigned(cosignature) => return Ok(cosignature),
            Answered::At(size) if size > checkpoint.size() => {
                return Err(Missing::Ahead { seen: size, size: checkpoint.size() });
            }
            Answered::At(size) => *seen = size,
        }
    }
    Err(Missing::Undecided)
}
