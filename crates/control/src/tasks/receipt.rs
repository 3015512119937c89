use casemate_ledger::{Bundle, EncodeError, SignedReceipt};
use casemate_model::{TaskId, Timestamp};
use casemate_policy::operation;
use casemate_tasks::{Circumstances, TaskRecord, TaskResult, Vote};

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
    /// Puts together what proves a task's run offline: its receipt, the audit entry that records it, the proof that
    /// the entry is in the log, and the log's signed checkpoint.
    ///
    /// Of a task that replicas were run for, those of all replicas that agree.
    pub async fn task_receipt(&self, caller: &Caller, id: TaskId) -> Result<Vec<Bundle>, ControlError> {
        let permit = self.permit::<operation::ReadReceipt>(caller, &resource(id)).await?;
        let task = self.find_task(permit.project(), id).await?;
        let replicas = task.spec.replicas();
        let result = result_of(task)?;
        if replicas.is_empty() {
            return Ok(vec![self.bundle(&result).await?]);
        }
        let (agreed, mut bundles) = (Vote::of(&result), Vec::new());
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
