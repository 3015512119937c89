//! Having the log's checkpoints cosigned by witnesses, so that nobody can be shown another history than everybody else.

use std::time::Duration;

use casemate_ledger::{AddCheckpoint, Checkpoint, Cosignature, LogError};
use casemate_witness::{Answered, Asked, AskedError};
use tokio::sync::watch;

use crate::Control;

/// How often a checkpoint is chosen to be cosigned, at most: all witnesses are asked for the same ones.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited before a witness is asked again that did not answer.
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

/// Has checkpoints cosigned. Each witness is asked at its own pace: none waits for another.
pub(crate) async fn witness(control: Control) {
    let witnesses = control.parts.witnesses.clone();
    if witnesses.is_empty() {
        return;
    }
    let (chosen, _) = watch::channel(None);
    let asking = witnesses.iter().map(|witness| ask(&control, &**witness, chosen.subscribe()));
    let working = async { tokio::join!(choose(&control, &chosen), futures_util::future::join_all(asking)) };
    control.stopping.run_until_cancelled(working).await;
}

/// Chooses checkpoints, one of many that come together.
async fn choose(control: &Control, chosen: &watch::Sender<Option<Checkpoint>>) {
    let mut size = 0;
    loop {
        control.parts.log.covers(size).await;
        let Ok(checkpoint) = control.parts.log.newest().await else { return };
        size = checkpoint.size();
        chosen.send_replace(Some(checkpoint));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Has a witness cosign what is chosen, and again what it did not answer to.
async fn ask(control: &Control, witness: &dyn Asked, mut chosen: watch::Receiver<Option<Checkpoint>>) {
    // Up to where it is known to have seen the log; if it saw more, it says so.
    let mut seen = 0;
    while chosen.wait_for(|chosen| chosen.as_ref().is_some_and(|chosen| chosen.size() > seen)).await.is_ok() {
        let Some(checkpoint) = chosen.borrow_and_update().clone() else { continue };
        match cosign(control, witness, &checkpoint, &mut seen).await {
            Some(cosignature) => control.parts.log.publish_cosigned(checkpoint, cosignature),
            None => tokio::time::sleep(RETRY).await,
        }
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
    let cosigned = try_cosign(control, witness, checkpoint, seen).await;
    let outcome = if cosigned.is_ok() { "cosigned" } else { "failed" };
    metrics::counter!("casemate_witness_answers_total", "witness" => name.clone(), "outcome" => outcome)
        .increment(1);
    match cosigned {
        Ok(cosignature) => {
            *seen = checkpoint.size();
            Some(cosignature)
        }
        Err(error) => {
            tracing::warn!(witness = %name, error = &error as &dyn std::error::Error, "a witness did not cosign the log");
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
        let hashes = control.parts.log.prove_growth(*seen, checkpoint.size()).await?;
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
