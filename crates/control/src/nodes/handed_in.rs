use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use casemate_identity::NodeRecord;
use casemate_ledger::{Receipt, SignedReceipt};
use casemate_model::{Digest, Outcome, TaskId};
use casemate_objects::BlobId;
use casemate_tasks::{Circumstances, Completed, Completion, Held, OutputFile, RanOn, TaskRecord, TaskResult};
use futures_util::Stream;

use super::NodeError;
use super::work::lost;
use crate::{Caller, Control, ControlError};

/// What nodes have stored for runs that are not over, so that no run gives more than it may. It is lost when the server
/// ends: the node stores it again then.
#[derive(Default)]
pub(crate) struct HandedIn(Mutex<HashMap<TaskId, Stored>>);

/// What was stored for one run.
#[derive(Default)]
struct Stored {
    fence: u64,
    pieces: HashMap<Digest, Piece>,
}

/// One content of a run.
struct Piece {
    size: u64,
    /// Whether it is stored, and not only on its way.
    stored: bool,
}

impl HandedIn {
    /// Makes room for content of `size` bytes; false if that is more than `bytes_max` altogether.
    fn reserve(&self, held: Held, digest: Digest, size: u64, bytes_max: u64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = all.entry(held.task).or_default();
        if run.fence != held.fence {
            *run = Stored { fence: held.fence, pieces: HashMap::new() };
        }
        let pieces = &mut run.pieces;
        let others: u64 =
            pieces.iter().filter(|(other, _)| **other != digest).map(|(_, piece)| piece.size).sum();
        let fits = others.saturating_add(size) <= bytes_max && pieces.len() < FILES_MAX;
        if fits {
            pieces.entry(digest).or_insert(Piece { size, stored: false });
        }
        fits
    }

    /// Notes what became of content that there was room for: its size if it is stored.
    fn settle(&self, held: Held, digest: &Digest, stored: Option<u64>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(run) = all.get_mut(&held.task).filter(|run| run.fence == held.fence) else { return };
        if let Some(size) = stored {
            if let Some(piece) = run.pieces.get_mut(digest) {
                *piece = Piece { size, stored: true };
            }
        } else if run.pieces.get(digest).is_some_and(|piece| !piece.stored) {
            run.pieces.remove(digest);
        }
    }

    /// The size of content that was stored for a run.
    fn size(&self, held: Held, digest: &Digest) -> Result<u64, NodeError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = all.get(&held.task).filter(|run| run.fence == held.fence);
        let piece = run.and_then(|run| run.pieces.get(digest)).filter(|piece| piece.stored);
        piece.map(|piece| piece.size).ok_or(NodeError::NotStored(*digest))
    }

    /// Forgets what was stored for a task that is over, or whose run is.
    pub(crate) fn forget(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}

/// Most bytes that a run may give.
fn given_bytes_max(task: &TaskRecord) -> u64 {
    task.spec.limits.output_bytes.saturating_add(task.spec.limits.log_bytes)
}

/// Room for content on its way, which is given back unless it arrives.
struct Room<'c> {
    handed_in: &'c HandedIn,
    held: Held,
    digest: Digest,
    stored: Option<u64>,
}

impl Room<'_> {
    fn used(mut self, size: u64) {
        self.stored = Some(size);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.handed_in.settle(self.held, &self.digest, self.stored);
    }
}

/// Files of a run, with both streams.
const FILES_MAX: usize = Receipt::FILES_MAX + 2;

impl Control {
    /// Stores what a run of the calling node gave, piece by piece: streams and files. `body` must yield as many bytes as were
    /// announced; nothing of it is read unless there is room for them.
    pub async fn store_for_task<B, E>(
        &self,
        caller: &Caller,
        held: Held,
        (announced, size_bytes): (Digest, u64),
        body: B,
    ) -> Result<(), ControlError>
    where
        B: Stream<Item = Result<Bytes, E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let node = self.working_node(caller).await?;
        let task = self.held_task(&node, held).await?;
        if !self.handed_in.reserve(held, announced, size_bytes, given_bytes_max(&task)) {
            return Err(NodeError::TooMuch.into());
        }
        let room = Room { handed_in: &self.handed_in, held, digest: announced, stored: None };
        let stored = self.parts.objects.put_loose_blob(&task.project, (announced, size_bytes), body).await?;
        room.used(stored.size_bytes);
        Ok(())
    }

    /// Accepts what came of a run from the node that holds its lease: the receipt, signed by the node, says all of it.
    pub async fn hand_in_receipt(
        &self,
        caller: &Caller,
        held: Held,
        receipt: &[u8],
    ) -> Result<TaskRecord, ControlError> {
        let node = self.working_node(caller).await?;
        let signed = SignedReceipt::decode(receipt).map_err(|_| NodeError::Receipt("it cannot be read"))?;
        let task = match self.held_task(&node, held).await {
            Ok(task) => task,
            // An answer may get lost; whoever asks again learns that it was taken.
            Err(error) => {
                let task = self.task_of_node(&node.project, held.task).await?;
                let same = task.result.as_ref().is_some_and(|result| result.receipt == receipt);
                return if same { Ok(task) } else { Err(error) };
            }
        };
        signed.verify(&node.public_key).map_err(|_| NodeError::Receipt("another key signed it"))?;
        let result = self.result_of_receipt(&node, &task, &signed)?;
        let mut event = self.end_event(caller, &task, &result);
        event.details.extend([
            ("node".to_owned(), node.id.to_string()),
            ("owner".to_owned(), node.owner.to_string()),
            (SignedReceipt::SIGNER.to_owned(), node.public_key.to_string()),
        ]);
        self.say_replica(&mut event, &task).await?;
        let size = |digest: Option<Digest>| digest.map_or(Ok(0), |digest| self.handed_in.size(held, &digest));
        let completion = Completion {
            task: task.id,
            fence: held.fence,
            stdout_bytes: size(result.stdout)?,
            stderr_bytes: size(result.stderr)?,
            result,
            at: self.now(),
            audit: self.parts.settings.audits.chooses(node.work.confirmed, self.random()),
        };
        let hold = self.parts.objects.hold().await;
        // Nothing has referred to it yet, so it may have been collected since it was stored.
        for digest in completion.result.content() {
            if !self.parts.objects.is_there(&hold, &BlobId::new(&task.project, digest)).await? {
                self.handed_in.forget(held.task);
                return Err(NodeError::NotStored(digest).into());
            }
        }
        match self.complete(&hold, &completion, event).await? {
            Completed::Accepted(task) => {
                self.handed_in.forget(held.task);
                Ok(*task)
            }
            Completed::Stale => Err(lost(held)),
        }
    }

    /// A number that nobody can tell ahead.
    pub(crate) fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy().fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// Reads a result out of its receipt, which must be one of what was asked for and of nothing else.
    fn result_of_receipt(
        &self,
        node: &NodeRecord,
        task: &TaskRecord,
        signed: &SignedReceipt,
    ) -> Result<TaskResult, ControlError> {
        let receipt = signed.receipt();
        let held = Held { task: task.id, fence: task.progress.fence };
        let outputs = receipt.output_files.iter().map(|(path, digest)| {
            Ok(OutputFile {
                path: path.clone(),
                digest: *digest,
                size_bytes: self.handed_in.size(held, digest)?,
            })
        });
        let result = TaskResult {
            run: receipt.run,
            outcome: receipt.outcome.clone(),
            usage: receipt.usage,
            stdout: Some(receipt.output),
            stderr: Some(receipt.log),
            outputs: outputs.collect::<Result<_, NodeError>>()?,
            receipt: signed.as_bytes().to_vec(),
            entry: 0,
            ran_on: Some(RanOn { node: node.id, key: node.public_key.clone() }),
            agreement: None,
            review: None,
        };
        let lease = task.progress.lease.ok_or_else(|| lost(held))?;
        let run = Circumstances {
            task: task.id,
            project: task.project.clone(),
            attempt: task.progress.attempt,
            worker: lease.worker,
            engine: receipt.engine.clone(),
            times: (receipt.started, receipt.ended),
        };
        if task.spec.receipt(run, &result).normalised() != *receipt {
            return Err(NodeError::Receipt("it is of another task, run, module or input").into());
        }
        let (usage, limits) = (&receipt.usage, &task.spec.limits);
        // Only a run that was ended from outside has not seen its limits.
        let beyond = usage.fuel > limits.fuel || usage.memory_bytes_peak > limits.memory_bytes;
        if beyond || receipt.ended < receipt.started {
            return Err(NodeError::Receipt("it says of more than was allowed").into());
        }
        match &receipt.outcome {
            // Only the server knows whether somebody asked for it.
            Outcome::Cancelled if !task.progress.cancel_requested => {
                Err(NodeError::Receipt("nobody cancelled the task").into())
            }
            _ => Ok(result),
        }
    }
}
