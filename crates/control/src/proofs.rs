//! Proofs that somebody has of a task's run: registering keys, and checking proofs against them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use casemate_ledger::SignedReceipt;
use casemate_limits::Gate;
use casemate_model::{Digest, Project, TaskId};
use casemate_policy::{Resource, operation};
use casemate_proofs::{
    CheckedProof, KEY_BYTES_MAX, KEYS_MAX, KeyAdded, PROOF_BYTES_MAX, ProofError, Recorded, Statement,
    SystemName, VerificationKey,
};
use tokio::sync::Semaphore;

use crate::tasks::result_of;
use crate::{Caller, Control, ControlError};

/// Proofs that are checked at once, and that wait for their turn.
const CHECKED_AT_ONCE: usize = 2;
const WAITING_MAX: usize = 16;
/// Verdicts of a task that are shown.
const SHOWN_MAX: u32 = 100;
/// The longest label of a key.
const LABEL_CHARS_MAX: usize = 64;

/// Where proofs are checked.
pub(crate) struct Checker {
    gate: Gate,
    running: Arc<Semaphore>,
}

impl Default for Checker {
    fn default() -> Self {
        Self { gate: Gate::new(WAITING_MAX), running: Arc::new(Semaphore::new(CHECKED_AT_ONCE)) }
    }
}

/// What came of a proof that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict, as it is written down.
    pub proof: CheckedProof,
    /// Why it is no proof at all.
    pub complaint: Option<String>,
    /// How long checking took.
    pub took: Duration,
    /// Whether the same was handed in before.
    pub before: bool,
}

/// Why something about proofs was not done.
#[derive(Debug, thiserror::Error)]
pub enum ProofsError {
    /// There is no such key in the project.
    #[error("there is no verification key {0}")]
    KeyNotFound(Digest),
    /// A key cannot be registered.
    #[error("this is no verification key: {0}")]
    BadKey(ProofError),
    /// A label is none.
    #[error("a verification key is called something of 1 to {LABEL_CHARS_MAX} characters")]
    Label,
    /// The project has as many keys as it may have.
    #[error("the project has {KEYS_MAX} verification keys already")]
    TooManyKeys,
    /// The proof is larger than any.
    #[error("a proof has at most {PROOF_BYTES_MAX} bytes")]
    TooLarge,
    /// The proof is one of another task, or under another key.
    #[error("this proof was handed in before, for the task {0}")]
    Replayed(TaskId),
    /// Public inputs that were given are not the statement's.
    #[error("the public inputs of a proof of this task are {0} and {1}; they follow from its receipt")]
    Inputs(u128, u128),
    /// Too many proofs wait to be checked.
    #[error("too many proofs wait to be checked")]
    Busy,
}

impl Control {
    /// Registers a key, and returns it; one that is registered stays as it is.
    pub async fn add_verification_key(
        &self,
        caller: &Caller,
        (system, label): (SystemName, String),
        bytes: Vec<u8>,
    ) -> Result<VerificationKey, ControlError> {
        let permit = self.permit::<operation::AddVerificationKey>(caller, &Resource::all("proofs")).await?;
        let chars = label.chars().count();
        if !(1..=LABEL_CHARS_MAX).contains(&chars) || label.chars().any(char::is_control) {
            return Err(ProofsError::Label.into());
        }
        if bytes.len() > KEY_BYTES_MAX {
            let error = ProofError::TooLarge { given: bytes.len(), max: KEY_BYTES_MAX };
            return Err(ProofsError::BadKey(error).into());
        }
        let (checked, bytes) =
            self.off_the_runtime(move || (system.system().check_key(&bytes), bytes)).await?;
        checked.map_err(ProofsError::BadKey)?;
        let key = VerificationKey {
            digest: Digest::of(&bytes),
            project: permit.project().clone(),
            system,
            label,
            bytes,
            actor: caller.principal.kind.to_string(),
            created: self.now(),
        };
        let mut event = self.event(caller, permit.action(), resource(key.digest), "registered");
        event.details.push(("label".to_owned(), key.label.clone()));
        match self.parts.proofs.add_verification_key(&key, event).await? {
            KeyAdded::Done => {}
            KeyAdded::TooMany => return Err(ProofsError::TooManyKeys.into()),
        }
        let found = self.parts.proofs.verification_key(permit.project(), key.digest).await?;
        Ok(found.ok_or(ProofsError::KeyNotFound(key.digest))?)
    }

    /// Lists the project's keys.
    pub async fn list_verification_keys(
        &self,
        caller: &Caller,
    ) -> Result<Vec<VerificationKey>, ControlError> {
        let permit = self.permit::<operation::ListVerificationKeys>(caller, &Resource::all("proofs")).await?;
        Ok(self.parts.proofs.verification_keys(permit.project()).await?)
    }

    /// Removes a key. What came of proofs under it stays written down.
    pub async fn remove_verification_key(&self, caller: &Caller, digest: Digest) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RemoveVerificationKey>(caller, &resource(digest)).await?;
        let event = self.event(caller, permit.action(), resource(digest), "removed");
        let done = self.parts.proofs.remove_verification_key(permit.project(), digest, event).await?;
        if done { Ok(()) } else { Err(ProofsError::KeyNotFound(digest).into()) }
    }

    /// The statement that a proof of a task must be of.
    pub async fn task_statement(&self, caller: &Caller, id: TaskId) -> Result<Statement, ControlError> {
        let permit = self.permit::<operation::ShowStatement>(caller, &Resource::one("task", id)).await?;
        self.statement_of(permit.project(), id).await
    }

    async fn statement_of(&self, project: &Project, id: TaskId) -> Result<Statement, ControlError> {
        let result = result_of(self.find_task(project, id).await?)?;
        Ok(Statement::of(SignedReceipt::decode(&result.receipt)?.receipt()))
    }

    /// Checks a proof of a task, and writes down what came of it.
    pub async fn verify_proof(
        &self,
        caller: &Caller,
        (task, key): (TaskId, Digest),
        inputs: Option<[u128; 2]>,
        proof: Vec<u8>,
    ) -> Result<Verdict, ControlError> {
        let permit = self.permit::<operation::VerifyProof>(caller, &Resource::one("task", task)).await?;
        if proof.len() > PROOF_BYTES_MAX {
            return Err(ProofsError::TooLarge.into());
        }
        let statement = self.statement_of(permit.project(), task).await?;
        let wanted = statement.public_inputs();
        if inputs.is_some_and(|given| given != wanted) {
            return Err(ProofsError::Inputs(wanted[0], wanted[1]).into());
        }
        let key = self
            .parts
            .proofs
            .verification_key(permit.project(), key)
            .await?
            .ok_or(ProofsError::KeyNotFound(key))?;
        let digest = Digest::of(&proof);
        let of = (task, key.digest);
        if let Some(before) = self.parts.proofs.checked_proof(permit.project(), digest, of).await? {
            return seen_before(before, (task, key.digest));
        }
        let (system, bytes, of) = (key.system, key.bytes, statement.clone());
        let (checked, took) = self
            .off_the_runtime(move || {
                let began = clock();
                (system.system().verify(&bytes, &of, &proof), began.elapsed())
            })
            .await?;
        let proof = CheckedProof {
            digest,
            project: permit.project().clone(),
            task,
            key: key.digest,
            statement: statement.digest(),
            valid: checked == Ok(true),
            actor: caller.principal.kind.to_string(),
            checked: self.now(),
        };
        let outcome = if proof.valid { "valid" } else { "not valid" };
        let mut event = self.event(caller, permit.action(), Resource::one("task", task), outcome);
        event.details = vec![
            ("key".to_owned(), proof.key.to_string()),
            ("proof".to_owned(), proof.digest.to_string()),
            ("statement".to_owned(), proof.statement.to_string()),
        ];
        metrics::counter!("casemate_proofs_checked_total", "outcome" => if proof.valid { "valid" } else { "invalid" })
            .increment(1);
        match self.parts.proofs.record_proof(&proof, event).await? {
            Recorded::Done => Ok(Verdict {
                proof,
                complaint: checked.err().map(|error| error.to_string()),
                took,
                before: false,
            }),
            Recorded::Before(before) => seen_before(*before, (task, key.digest)),
        }
    }

    /// Lists what came of proofs of a task, oldest first.
    pub async fn list_proofs(
        &self,
        caller: &Caller,
        task: TaskId,
    ) -> Result<Vec<CheckedProof>, ControlError> {
        let permit = self.permit::<operation::ListProofs>(caller, &Resource::one("task", task)).await?;
        self.find_task(permit.project(), task).await?;
        Ok(self.parts.proofs.proofs_of_task(permit.project(), task, SHOWN_MAX).await?)
    }

    /// Does work that takes a processor, off the runtime and a little at a time.
    async fn off_the_runtime<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ControlError> {
        let waiting = self.checker.gate.enter().ok_or(ProofsError::Busy)?;
        let running = Arc::clone(&self.checker.running).acquire_owned().await;
        let running = running.map_err(|_| ControlError::ShuttingDown)?;
        // Whoever asked may go away, which does not end the work: it keeps its place until it is done.
        let done = tokio::task::spawn_blocking(move || {
            let _places = (waiting, running);
            work()
        })
        .await;
        Ok(done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic())))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is measured how long something takes, which is nobody's promise"
)]
fn clock() -> Instant {
    Instant::now()
}

/// A proof is of one task: handed in again for the same, it is what it was, and for another it is refused.
fn seen_before(before: CheckedProof, now: (TaskId, Digest)) -> Result<Verdict, ControlError> {
    if (before.task, before.key) == now {
        return Ok(Verdict { proof: before, complaint: None, took: Duration::ZERO, before: true });
    }
    Err(ProofsError::Replayed(before.task).into())
}

fn resource(digest: Digest) -> Resource {
    Resource::one("verification_key", digest)
}
