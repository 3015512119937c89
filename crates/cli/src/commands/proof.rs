//! `casemate proof`: proofs that somebody has of a task's run.

use std::path::{Path, PathBuf};

use casemate_api::proofs::{AddVerificationKey, CheckedProof, VerifyProof};
use casemate_model::{Digest, TaskId};
use clap::{Args, Subcommand};
use data_encoding::BASE64;

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Most bytes of a key or a proof.
const FILE_BYTES_MAX: u64 = 48 << 10;

/// Have proofs of tasks checked, under keys that were registered.
///
/// A proof is of a statement, which follows from a task's receipt: its task, module, inputs and outputs. What a valid proof means
/// is for the circuit behind its key to say; the level of the task's result stays what it is.
#[derive(Debug, Subcommand)]
pub(crate) enum Proof {
    Statement(Statement),
    Verify(Verify),
    Ls(List),
    AddKey(AddKey),
    Keys(Keys),
    RmKey(RemoveKey),
}

impl Proof {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Statement(command) => command.execute(context).await,
            Self::Verify(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::AddKey(command) => command.execute(context).await,
            Self::Keys(command) => command.execute(context).await,
            Self::RmKey(command) => command.execute(context).await,
        }
    }
}

/// Show what a proof of a task must be of, and its public inputs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate proof statement tsk_01kg9ys7kv040g2081040g2081
  casemate proof statement tsk_01kg9ys7kv040g2081040g2081 --json | jq -r '.public_inputs[]'")]
pub(crate) struct Statement {
    /// The task, which is over.
    #[arg(value_name = "TASK")]
    task: TaskId,
}

impl Statement {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let statement = client.proofs_statement(&self.task.to_string()).await?;
        if output.json() {
            output.value(&statement)?;
        } else {
            output.data(statement.statement.as_bytes())?;
            output.note(&format!("digest {}", statement.digest));
            output.note(&format!("public inputs {}", statement.public_inputs.join(" ")));
        }
        Ok(Status::Done)
    }
}

/// Have a proof of a task checked. Ends with code 0 if it is valid, with 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate proof verify tsk_01kg9ys7kv040g2081040g2081 proof.bin --key sha256:…")]
pub(crate) struct Verify {
    /// The task, which is over.
    #[arg(value_name = "TASK")]
    task: TaskId,
    /// The file with the proof.
    file: PathBuf,
    /// The key, by its digest.
    #[arg(long, value_name = "DIGEST")]
    key: Digest,
}

impl Verify {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let verify = VerifyProof {
            task_id: self.task.to_string(),
            circuit_id: self.key.to_string(),
            proof_data: BASE64.encode(&read(&self.file)?),
            public_inputs: None,
        };
        let verdict = client.proofs_verify(&verify).await?;
        if output.json() {
            output.value(&verdict)?;
        } else if verdict.checked.valid {
            output.note(&format!("valid, of {} under {}", verdict.checked.statement, self.key));
        } else {
            let why = verdict
                .error_message
                .unwrap_or_else(|| "it does not hold for this statement under this key".to_owned());
            output.note(&format!("not valid: {why}"));
        }
        Ok(if verdict.checked.valid { Status::Done } else { Status::Failed })
    }
}

/// List what came of proofs of a task, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate proof ls tsk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct List {
    /// The task.
    #[arg(value_name = "TASK")]
    task: TaskId,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let proofs = client.proofs_list(&self.task.to_string()).await?.items;
        if output.json() {
            output.value(&proofs)?;
            return Ok(Status::Done);
        }
        if proofs.is_empty() {
            output.note(
                "no proof of it was handed in; `casemate proof verify TASK FILE --key DIGEST` does that",
            );
        }
        let row = |proof: CheckedProof| {
            let valid = if proof.valid { "valid" } else { "not valid" };
            vec![proof.verified_at, valid.to_owned(), proof.circuit_id, proof.actor]
        };
        let columns = ["checked", "verdict", "key", "by"].map(Column::Text);
        output.rows(&columns, proofs.into_iter().map(row).collect())?;
        Ok(Status::Done)
    }
}

/// Register a key that proofs are checked with. Whoever made it can prove anything under it. Prints its digest.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate proof add-key 'sorted, 2026 ceremony' sorted.vk")]
pub(crate) struct AddKey {
    /// What to call it.
    label: String,
    /// The file with the key, as arkworks writes it, compressed.
    file: PathBuf,
    /// The proof system.
    #[arg(long, default_value = "groth16-bn254")]
    system: String,
}

impl AddKey {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let key = BASE64.encode(&read(&self.file)?);
        let wanted = AddVerificationKey { system: self.system.clone(), label: self.label.clone(), key };
        let made = client.proofs_add_key(&wanted).await?;
        if output.json() {
            output.value(&made)?;
        } else {
            output.line(&made.circuit_id)?;
        }
        Ok(Status::Done)
    }
}

/// List keys that proofs are checked with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate proof keys")]
pub(crate) struct Keys {}

impl Keys {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let keys = client.proofs_list_keys().await?.items;
        if output.json() {
            output.value(&keys)?;
            return Ok(Status::Done);
        }
        if keys.is_empty() {
            output.note("no keys yet; `casemate proof add-key LABEL FILE` registers one");
        }
        let rows = keys.into_iter().map(|key| vec![key.circuit_id, key.label, key.system, key.created]);
        output.rows(&["key", "label", "system", "registered"].map(Column::Text), rows.collect())?;
        Ok(Status::Done)
    }
}

/// Remove a key that proofs are checked with. What came of proofs under it stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate proof rm-key sha256:…")]
pub(crate) struct RemoveKey {
    /// The key, by its digest.
    #[arg(value_name = "DIGEST")]
    key: Digest,
}

impl RemoveKey {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        context.client()?.proofs_remove_key(&self.key.to_string()).await?;
        context.output.note(&format!("removed {}", self.key));
        Ok(Status::Done)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    Ok(casemate_fs::read_config_file(path, FILE_BYTES_MAX)?)
}
