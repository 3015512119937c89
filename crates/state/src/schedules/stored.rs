//! What a schedule submits, as JSON text. Fields may be added with a default, never renamed or removed.

use casemate_limits::JsonBudget;
use casemate_tasks::{InputSource, ModuleSource, SubmitTask, TaskInput};
use serde::{Deserialize, Serialize};

use crate::queue::{StoredError, StoredLimits, StoredPlan, bad_value};

const PART: &str = "task of a schedule";

pub(super) fn task_text(task: &SubmitTask) -> String {
    let module = match &task.module {
        ModuleSource::Name(name) => StoredModule::Name(name.to_string()),
        ModuleSource::Content(source) => StoredModule::Content(StoredSource::of(source)),
    };
    let stored = StoredTask {
        module,
        args: task.args.clone(),
        env: task.env.clone(),
        stdin: task.stdin.as_ref().map(StoredInput::of),
        inputs: task.inputs.iter().map(|(path, input)| (path.clone(), StoredInput::of(input))).collect(),
        after: task.after.iter().map(ToString::to_string).collect(),
        output_directory: task.output_directory,
        limits: task.limits.into(),
        deterministic: task.deterministic,
        plan: StoredPlan::of(&task.plan),
        quorum: task.quorum,
    };
    serde_json::to_string(&stored).expect("texts, numbers and lists have a JSON form")
}

pub(super) fn read_task(text: &str) -> Result<SubmitTask, StoredError> {
    JsonBudget::STORED
        .check(text.as_bytes())
        .map_err(|source| StoredError::Refused { part: PART, source })?;
    let stored: StoredTask =
        serde_json::from_str(text).map_err(|source| StoredError::Json { part: PART, source })?;
    let inputs = stored.inputs.into_iter().map(|(path, input)| Ok((path, input.read()?)));
    let after = stored.after.into_iter();
    Ok(SubmitTask {
        module: match stored.module {
            StoredModule::Name(text) => {
                ModuleSource::Name(text.parse().map_err(|_| bad_value(PART, text, "name"))?)
            }
            StoredModule::Content(source) => ModuleSource::Content(source.read()?),
        },
        args: stored.args,
        env: stored.env,
        stdin: stored.stdin.map(StoredInput::read).transpose()?,
        inputs: inputs.collect::<Result<_, StoredError>>()?,
        after: after
            .map(|text| text.parse().map_err(|_| bad_value(PART, text, "task id")))
            .collect::<Result<_, _>>()?,
        output_directory: stored.output_directory,
        limits: stored.limits.into(),
        deterministic: stored.deterministic,
        plan: stored.plan.read()?,
        quorum: stored.quorum,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTask {
    module: StoredModule,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<StoredInput>,
    inputs: Vec<(String, StoredInput)>,
    after: Vec<String>,
    output_directory: bool,
    limits: StoredLimits,
    deterministic: bool,
    plan: StoredPlan,
    quorum: Option<(u8, u8)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredModule {
    Name(String),
    Content(StoredSource),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredInput {
    Content(StoredSource),
    Output(String, Option<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredSource {
    Digest(String),
    Object(String, String),
}

impl StoredSource {
    fn of(source: &InputSource) -> Self {
        match source {
            InputSource::Digest(digest) => Self::Digest(digest.to_string()),
            InputSource::Object(bucket, key) => Self::Object(bucket.to_string(), key.to_string()),
        }
    }

    fn read(self) -> Result<InputSource, StoredError> {
        Ok(match self {
            Self::Digest(text) => {
                InputSource::Digest(text.parse().map_err(|_| bad_value(PART, text, "digest"))?)
            }
            Self::Object(bucket, key) => InputSource::Object(
                bucket.parse().map_err(|_| bad_value(PART, bucket, "bucket"))?,
                key.parse().map_err(|_| bad_value(PART, key, "key"))?,
            ),
        })
    }
}

impl StoredInput {
    fn of(input: &TaskInput) -> Self {
        match input {
            TaskInput::Content(source) => Self::Content(StoredSource::of(source)),
            TaskInput::Output(task, file) => Self::Output(task.to_string(), file.clone()),
        }
    }

    fn read(self) -> Result<TaskInput, StoredError> {
        Ok(match self {
            Self::Content(source) => TaskInput::Content(source.read()?),
            Self::Output(task, file) => {
                TaskInput::Output(task.parse().map_err(|_| bad_value(PART, task, "task id"))?, file)
            }
        })
    }
}
