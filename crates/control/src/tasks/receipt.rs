use casemate_ledger::{Bundle, EncodeError, Event, SignedReceipt};
use casemate_model::{TaskId, Timestamp};
use casemate_policy::operation;
use casemate_tasks::{Circumstances, Review, TaskRecord, TaskResult, Vote};

use super::read::{resource, result_of};
use crate::{Caller, Control, ControlError};

/// Signs what is known about a run. The level says how strong that is: this node ran it and answers for it.
pub(super) fn sign_receipt(
    control: &Control,
    task: &TaskRecord,
    result: &TaskResult,
    times: (Timestamp, Timestamp),
) -> Result<Vec<u8>, EncodeError> {
    let run = Circumstances {
        task: task.id,
        project: task.project.clone(),
        attempt: task.progress.attempt,
        worker: control.worker,
        engine: casemate_sandbox::engine_build(),
        times,
    };
    Ok(SignedReceipt::sign(task.spec.receipt(run, result), &control.parts.node_key)?.as_bytes().to_vec())
}

impl Control {
    /// Says in the entry of a run which other task it is of too, so that whoever has the receipts can tell offline what they prove
    /// together.
    pub(crate) async fn say_replica(&self, event: &mut Event, task: &TaskRecord) -> Result<(), ControlError> {
        let Some(of) = task.spec.replica_of else { return Ok(()) };
        event.details.push((SignedReceipt::REPLICA_OF.to_owned(), of.to_string()));
        let whole = self.parts.queue.task(&task.project, of).await?;
        if let Some(quorum) = whole.and_then(|whole| whole.spec.quorum) {
            event.details.push((SignedReceipt::REPLICAS.to_owned(), quorum.replicas.len().to_string()));
        }
        Ok(())
    }

    /// Puts together what proves a task's run offline: its receipt, the audit entry that records it, the proof that
    /// the entry is in the log, and the log's signed checkpoint.
    ///
    /// Of a task that replicas were run for, those of all replicas that agree; of one that was run again and found right, that of
    /// its own run and those that say the same.
    pub async fn task_receipt(&self, caller: &Caller, id: TaskId) -> Result<Vec<Bundle>, ControlError> {
        let permit = self.permit::<operation::ReadReceipt>(caller, &resource(id)).await?;
        let task = self.find_task(permit.project(), id).await?;
        let replicas = task.spec.replicas();
        let result = result_of(task)?;
        let (agreed, mut bundles) = (Vote::of(&result), Vec::new());
        if replicas.is_empty() {
            bundles.push(self.bundle(&result).await?);
        }
        if result.review == Some(Review::Confirmed) {
            let audits = self.parts.queue.audits(permit.project(), id).await?;
            let agreeing = audits.into_iter().filter_map(|audit| audit.result);
            for result in agreeing.filter(|result| Vote::of(result) == agreed) {
                bundles.push(self.bundle(&result).await?);
            }
        }
        for id in replicas {
            let replica = self.find_task(permit.project(), id).await?;
            match replica.result.filter(|result| Vote::of(result) == agreed) {
                Some(result) if replica.progress.state.is_final() => {
                    bundles.push(self.bundle(&result).await?);
                }
                _ => {}
            }
        }
        Ok(bundles)
    }

    async fn bundle(&self, result: &TaskResult) -> Result<Bundle, ControlError> {
        let inclusion = self.prove(result.entry).await?;
        let signer = result.ran_on.as_ref().map(|ran_on| &ran_on.key);
        Ok(Bundle::new(&result.receipt, signer, inclusion, self.parts.node_key.public_key())?)
    }
}
