//! The parts of a task that no query looks into, as JSON text.
//!
//! Fields may be added with a default, never renamed or removed: rows that were written once stay readable. A field that was added
//! is only written where it says something, so that an older version reads what it knows all of. What it does not know it does
//! not pass over, as the task would then be another one; it leaves the row to newer versions.

mod plan;

use std::collections::BTreeSet;

use casemate_limits::{JsonBudget, JsonRefused};
use casemate_model::{Digest, Outcome, RunLimits, TaskId, Usage};
use casemate_objects::BlobId;
use casemate_tasks::{Agreement, OutputFile, RanOn, Review, TaskRecord, TaskResult, TaskSpec};
use serde::{Deserialize, Serialize};

use plan::{StoredAwaited, StoredQuorum};

pub(crate) use plan::StoredPlan;

/// A stored text that is not what was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoredError {
    /// It is no JSON of the right shape.
    #[error("the JSON of the {part} cannot be read")]
    Json {
        part: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// It holds more than any that is written.
    #[error("the JSON of the {part} is not one of ours")]
    Refused {
        part: &'static str,
        #[source]
        source: JsonRefused,
    },
    /// A value in it cannot be.
    #[error("the {part} holds `{text}`, which is no {wanted}")]
    Value { part: &'static str, text: String, wanted: &'static str },
}

/// The blobs that the specification of a task refers to, each once.
pub(crate) fn spec_blobs(task: &TaskRecord) -> BTreeSet<BlobId> {
    let spec = &task.spec;
    let inputs = spec.inputs.iter().map(|(_, digest)| *digest);
    let own = inputs.chain(spec.stdin).map(|digest| BlobId::new(&task.project, digest));
    own.chain([BlobId::new(task.module_project(), spec.module)]).collect()
}

/// The blobs that a result refers to, each once.
pub(crate) fn result_blobs(result: &TaskResult) -> BTreeSet<Digest> {
    result.content().collect()
}

pub(super) fn spec_text(spec: &TaskSpec) -> String {
    json(&StoredSpec {
        module: spec.module.to_string(),
        module_name: spec.module_name.as_ref().map(ToString::to_string),
        module_project: spec.module_project.as_ref().map(ToString::to_string),
        args: spec.args.clone(),
        env: spec.env.clone(),
        stdin: spec.stdin.map(|digest| digest.to_string()),
        inputs: spec.inputs.iter().map(|(path, digest)| (path.clone(), digest.to_string())).collect(),
        output_directory: spec.output_directory,
        limits: spec.limits.into(),
        deterministic: spec.deterministic,
        plan: StoredPlan::of(&spec.plan),
        repeats: spec.repeats.map(|task| task.to_string()),
        needs: spec.needs.iter().map(ToString::to_string).collect(),
        awaited: spec.awaited.iter().map(StoredAwaited::of).collect(),
        quorum: spec.quorum.as_ref().map(StoredQuorum::of),
        replica_of: spec.replica_of.map(|task| task.to_string()),
    })
}

pub(super) fn read_spec(text: &str) -> Result<TaskSpec, StoredError> {
    let part = "specification";
    let stored: StoredSpec = parse(part, text)?;
    let inputs = stored.inputs.into_iter().map(|(path, text)| Ok((path, digest(part, text)?)));
    let name = |text: String| text.parse().map_err(|_| bad_value(part, text, "name"));
    let project = |text: String| text.parse().map_err(|_| bad_value(part, text, "project"));
    Ok(TaskSpec {
        module: digest(part, stored.module)?,
        module_name: stored.module_name.map(name).transpose()?,
        module_project: stored.module_project.map(project).transpose()?,
        args: stored.args,
        env: stored.env,
        stdin: stored.stdin.map(|text| digest(part, text)).transpose()?,
        inputs: inputs.collect::<Result<_, _>>()?,
        output_directory: stored.output_directory,
        limits: stored.limits.into(),
        deterministic: stored.deterministic,
        plan: stored.plan.read()?,
        repeats: stored.repeats.map(|text| task_id(part, text)).transpose()?,
        needs: stored.needs.into_iter().map(|text| task_id(part, text)).collect::<Result<_, _>>()?,
        awaited: stored.awaited.into_iter().map(StoredAwaited::read).collect::<Result<_, _>>()?,
        quorum: stored.quorum.map(StoredQuorum::read).transpose()?,
        replica_of: stored.replica_of.map(|text| task_id(part, text)).transpose()?,
    })
}

/// Receipt and entry number have columns of their own.
pub(super) fn result_text(result: &TaskResult) -> String {
    let outputs = result.outputs.iter().map(|file| StoredOutput {
        path: file.path.clone(),
        digest: file.digest.to_string(),
        size_bytes: file.size_bytes,
    });
    json(&StoredResult {
        run: result.run.to_string(),
        outcome: StoredOutcome { kind: result.outcome.kind().to_owned(), detail: result.outcome.detail() },
        usage: result.usage.into(),
        stdout: result.stdout.map(|digest| digest.to_string()),
        stderr: result.stderr.map(|digest| digest.to_string()),
        outputs: outputs.collect(),
        node: result.ran_on.as_ref().map(|ran_on| ran_on.node.to_string()),
        signer: result.ran_on.as_ref().map(|ran_on| ran_on.key.to_string()),
        agreement: result.agreement.map(|agreement| (agreement.agreed, agreement.nodes)),
        review: result.review.map(|review| match review {
            Review::Confirmed => StoredReview::Confirmed,
            Review::Refuted => StoredReview::Refuted,
            Review::Void => StoredReview::Void,
        }),
    })
}

pub(super) fn read_result(text: &str, receipt: Vec<u8>, entry: u64) -> Result<TaskResult, StoredError> {
    let part = "result";
    let stored: StoredResult = parse(part, text)?;
    let run = stored.run.parse().map_err(|_| bad_value(part, stored.run, "run id"))?;
    let StoredOutcome { kind, detail } = stored.outcome;
    let outcome = Outcome::from_parts(&kind, &detail);
    let outputs = stored.outputs.into_iter().map(|file| {
        Ok(OutputFile { path: file.path, digest: digest(part, file.digest)?, size_bytes: file.size_bytes })
    });
    let ran_on = match (stored.node, stored.signer) {
        (Some(node), Some(key)) => Some(RanOn {
            node: node.parse().map_err(|_| bad_value(part, node, "node id"))?,
            key: key.parse().map_err(|_| bad_value(part, key, "public key"))?,
        }),
        (None, None) => None,
        // Or it would look as if the server had run it.
        (node, signer) => return Err(bad_value(part, format!("{node:?} {signer:?}"), "node with its key")),
    };
    Ok(TaskResult {
        run,
        outcome: outcome.ok_or_else(|| bad_value(part, format!("{kind} {detail}"), "outcome"))?,
        usage: stored.usage.into(),
        stdout: stored.stdout.map(|text| digest(part, text)).transpose()?,
        stderr: stored.stderr.map(|text| digest(part, text)).transpose()?,
        outputs: outputs.collect::<Result<_, _>>()?,
        receipt,
        entry,
        ran_on,
        agreement: stored.agreement.map(|(agreed, nodes)| Agreement { agreed, nodes }),
        review: stored.review.map(|review| match review {
            StoredReview::Confirmed => Review::Confirmed,
            StoredReview::Refuted => Review::Refuted,
            StoredReview::Void => Review::Void,
        }),
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists have a JSON form")
}

fn parse<'t, T: Deserialize<'t>>(part: &'static str, text: &'t str) -> Result<T, StoredError> {
    JsonBudget::STORED.check(text.as_bytes()).map_err(|source| StoredError::Refused { part, source })?;
    serde_json::from_str(text).map_err(|source| StoredError::Json { part, source })
}

fn digest(part: &'static str, text: String) -> Result<Digest, StoredError> {
    text.parse().map_err(|_| bad_value(part, text, "digest"))
}

fn task_id(part: &'static str, text: String) -> Result<TaskId, StoredError> {
    text.parse().map_err(|_| bad_value(part, text, "task id"))
}

pub(crate) fn bad_value(part: &'static str, text: String, wanted: &'static str) -> StoredError {
    StoredError::Value { part, text, wanted }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSpec {
    module: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module_project: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<String>,
    inputs: Vec<(String, String)>,
    output_directory: bool,
    limits: StoredLimits,
    deterministic: bool,
    #[serde(default)]
    plan: StoredPlan,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeats: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    awaited: Vec<StoredAwaited>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quorum: Option<StoredQuorum>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replica_of: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredResult {
    run: String,
    outcome: StoredOutcome,
    usage: StoredUsage,
    stdout: Option<String>,
    stderr: Option<String>,
    outputs: Vec<StoredOutput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agreement: Option<(u8, u8)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<StoredReview>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredReview {
    Confirmed,
    Refuted,
    Void,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredOutcome {
    kind: String,
    detail: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredOutput {
    path: String,
    digest: String,
    size_bytes: u64,
}

/// Defines the stored form of a struct of numbers, and the way there and back, so that no field is forgotten.
macro_rules! stored_numbers {
    ($stored:ident, $real:ident { $($field:ident: $number:ty),+ $(,)? }) => {
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $stored {
            $($field: $number,)+
        }

        impl From<$real> for $stored {
            fn from($real { $($field),+ }: $real) -> Self {
                Self { $($field),+ }
            }
        }

        impl From<$stored> for $real {
            fn from($stored { $($field),+ }: $stored) -> Self {
                Self { $($field),+ }
            }
        }
    };
}

stored_numbers!(
    StoredLimits,
    RunLimits {
        wall_ms: u64,
        fuel: u64,
        memory_bytes: u64,
        table_elements: u64,
        instances: u32,
        stack_bytes: u64,
        output_bytes: u64,
        log_bytes: u64,
        compile_ms: u64,
        compile_memory_bytes: u64,
    }
);

stored_numbers!(
    StoredUsage,
    Usage {
        wall_ms: u64,
        queue_ms: u64,
        compile_ms: u64,
        fuel: u64,
        memory_bytes_peak: u64,
        table_elements_peak: u64,
        output_bytes: u64,
        log_bytes: u64,
    }
);
