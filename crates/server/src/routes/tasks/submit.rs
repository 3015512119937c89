//! From a submission on the wire to what the use case takes. Each mistake names its place in the body.

use std::time::Duration;

use casemate_api::objects::ObjectRef;
use casemate_api::tasks::{
    ContentSource, LimitsRequest, ModuleSource, PlanRequest, Profile, RetryOn as WireRetryOn, SubmitTask,
    TaskType,
};
use casemate_control as control;
use casemate_model::{NodeLabels, RunLimits};
use casemate_tasks::{Plan, Priority, RetryOn, RetryPolicy};

use crate::problem::{Problem, body_field};

pub(crate) fn decode(body: SubmitTask) -> Result<control::SubmitTask, Problem> {
    let TaskType::Wasm = body.kind;
    let module = module_source(&body.module)?;
    let stdin = body.stdin.map(|source| content("/stdin", &source)).transpose()?;
    let mut inputs = Vec::with_capacity(body.inputs.len());
    for (index, input) in body.inputs.into_iter().enumerate() {
        inputs.push((input.path, content(&format!("/inputs/{index}/source"), &input.source)?));
    }
    let after = body.after.iter().enumerate();
    let after = after.map(|(index, text)| body_field(&format!("/after/{index}"), text));
    Ok(control::SubmitTask {
        after: after.collect::<Result<_, _>>()?,
        module,
        args: body.args,
        env: body.env.into_iter().collect(),
        stdin,
        inputs,
        output_directory: body.output_directory,
        limits: run_limits(&body.limits),
        deterministic: match body.profile {
            Profile::Default => false,
            Profile::Det1 => true,
        },
        plan: plan(&body.plan)?,
        quorum: body.quorum.map(|quorum| (quorum.agree, quorum.of)),
    })
}

/// Where a module comes from.
pub(crate) fn module_source(source: &ModuleSource) -> Result<control::ModuleSource, Problem> {
    Ok(match source {
        ModuleSource::Name(name) => control::ModuleSource::Name(body_field("/module/name", &name.name)?),
        ModuleSource::Digest(digest) => control::ModuleSource::Content(by_digest("/module", digest)?),
        ModuleSource::Object(object) => control::ModuleSource::Content(by_object("/module", object)?),
    })
}

/// What was asked for, and the default for the rest. What a plan may be is for the use case to say.
fn plan(asked: &PlanRequest) -> Result<Plan, Problem> {
    let default = RetryPolicy::DEFAULT;
    let retry = &asked.retry;
    let priority = asked.priority.map(|number| {
        Priority::new(number).map_err(|error| Problem::field("/plan/priority", error.to_string()))
    });
    Ok(Plan {
        priority: priority.transpose()?.unwrap_or_default(),
        not_before: asked
            .not_before
            .as_deref()
            .map(|text| body_field("/plan/not_before", text))
            .transpose()?,
        key: asked.key.as_deref().map(|text| body_field("/plan/key", text)).transpose()?,
        retry: RetryPolicy {
            attempts_max: retry.attempts.unwrap_or(default.attempts_max),
            wait_first: retry.wait_ms.map_or(default.wait_first, Duration::from_millis),
            wait_max: default.wait_max,
            on: RetryOn {
                exit: retry.on.contains(&WireRetryOn::Exit),
                trap: retry.on.contains(&WireRetryOn::Trap),
            },
        },
        timeout_ms: asked.timeout_ms,
        labels: NodeLabels::parse(asked.labels.iter().map(String::as_str))
            .map_err(|error| Problem::field("/plan/labels", error.to_string()))?,
    })
}

fn content(pointer: &str, source: &ContentSource) -> Result<control::TaskInput, Problem> {
    Ok(match source {
        ContentSource::Digest(digest) => control::TaskInput::Content(by_digest(pointer, digest)?),
        ContentSource::Object(object) => control::TaskInput::Content(by_object(pointer, object)?),
        ContentSource::Output(output) => {
            let task = body_field(&format!("{pointer}/task"), &output.task)?;
            control::TaskInput::Output(task, output.file.clone())
        }
    })
}

fn by_digest(pointer: &str, digest: &str) -> Result<control::InputSource, Problem> {
    Ok(control::InputSource::Digest(body_field(pointer, digest)?))
}

fn by_object(pointer: &str, object: &ObjectRef) -> Result<control::InputSource, Problem> {
    let bucket = body_field(&format!("{pointer}/bucket"), &object.bucket)?;
    let key = body_field(&format!("{pointer}/key"), &object.key)?;
    Ok(control::InputSource::Object(bucket, key))
}

/// What was asked for, and the default for the rest.
pub(crate) fn run_limits(asked: &LimitsRequest) -> RunLimits {
    let default = RunLimits::DEFAULT;
    RunLimits {
        wall_ms: asked.wall_ms.unwrap_or(default.wall_ms),
        fuel: asked.fuel.unwrap_or(default.fuel),
        memory_bytes: asked.memory_bytes.unwrap_or(default.memory_bytes),
        table_elements: asked.table_elements.unwrap_or(default.table_elements),
        instances: asked.instances.unwrap_or(default.instances),
        stack_bytes: asked.stack_bytes.unwrap_or(default.stack_bytes),
        output_bytes: asked.output_bytes.unwrap_or(default.output_bytes),
        log_bytes: asked.log_bytes.unwrap_or(default.log_bytes),
        compile_ms: asked.compile_ms.unwrap_or(default.compile_ms),
        compile_memory_bytes: asked.compile_memory_bytes.unwrap_or(default.compile_memory_bytes),
    }
}
