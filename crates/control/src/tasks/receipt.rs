use casemate_ledger::{Bundle, EncodeError, Level, Receipt, SignedReceipt, invocation_digest};
use casemate_model::{Digest, TaskId, Timestamp};
use casemate_policy::operation;
use casemate_tasks::{TaskRecord, TaskResult};

use super::read::{resource, result_of};
use crate::{Caller, Control, ControlError};

/// Signs what is known about a run. The level says how strong that is: this node ran it and answers for it.
pub(super) fn sign_receipt(
    control: &Control,
    task: &TaskRecord,
    result: &TaskResult,
    (started, ended): (Timestamp, Timestamp),
) -> Result<Vec<u8>, EncodeError> {
    let nothing = Digest::of(b"");
    let spec = &task.spec;
    let receipt = Receipt {
        task: task.id,
        run: result.run,
        project: task.project.clone(),
        module: spec.module,
        invocation: invocation_digest(&spec.args, &spec.env),
        input: spec.stdin.unwrap_or(nothing),
        input_files: spec.inputs.clone(),
        output: result.stdout.unwrap_or(nothing),
        output_files: result.outputs.iter().map(|file| (file.path.clone(), file.digest)).collect(),
        log: result.stderr.unwrap_or(nothing),
        outcome: result.outcome.clone(),
        usage: result.usage,
        limits: spec.limits,
        engine: casemate_sandbox::engine_build(),
        profile: if spec.deterministic { "det-1" } else { "default" }.to_owned(),
        worker: control.worker,
        attempt: task.progress.attempt,
        started,
        ended,
        level: Level::Signed,
    };
    Ok(SignedReceipt::sign(receipt, &control.parts.node_key)?.as_bytes().to_vec())
}

impl Control {
    /// Puts together what proves a task's run offline: its receipt, the audit entry that records it, the proof that
    /// the entry is in the log, and the log's signed checkpoint.
    pub async fn task_receipt(&self, caller: &Caller, id: TaskId) -> Result<Bundle, ControlError> {
        let permit = self.permit::<operation::ReadReceipt>(caller, &resource(id)).await?;
        let result = result_of(self.find_task(permit.project(), id).await?)?;
        let inclusion = self.prove(result.entry).await?;
        Ok(Bundle::new(&result.receipt, inclusion, self.parts.node_key.public_key())?)
    }
}
