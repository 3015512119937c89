use casemate_model::{BucketName, Digest, Name, ObjectKey, RunLimits, TaskId, Timestamp};
use casemate_policy::{Permit, Resource, operation};
use casemate_tasks::{Plan, Progress, RetryPolicy, Submitted, TaskRecord, TaskSpec};
use std::time::Duration;

use super::read::resource;
use crate::objects::object_resource;
use crate::{Caller, Control, ControlError};

/// Most arguments, environment variables or input files of a task.
const ITEMS_MAX: usize = 256;

/// Most bytes of all arguments together, and of all environment variables together.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Most names in the path of an input.
const INPUT_DEPTH_MAX: usize = 16;

/// What a caller wants to run.
#[derive(Clone, Debug)]
pub struct SubmitTask {
    /// The module.
    pub module: ModuleSource,
    /// Arguments after the program name.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub stdin: Option<InputSource>,
    /// Files of the input directory.
    pub inputs: Vec<(String, InputSource)>,
    /// Whether there is an output directory.
    pub output_directory: bool,
    /// What it may use.
    pub limits: RunLimits,
    /// Whether it runs under the deterministic profile.
    pub deterministic: bool,
    /// When it runs, how urgently, and how often it is attempted.
    pub plan: Plan,
}

/// Where a module comes from. It is resolved once, at submission.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// What a name means now; any project's name.
    Name(Name),
    /// Content of the caller's project.
    Content(InputSource),
}

/// Where content of the caller's project comes from.
#[derive(Clone, Debug)]
pub enum InputSource {
    /// Content by its digest.
    Digest(Digest),
    /// An object as it is now.
    Object(BucketName, ObjectKey),
}

impl Control {
    /// Accepts a task; when this returns, it is durable and will run. If there is an open one of its key, that is the answer.
    pub async fn submit_task(&self, caller: &Caller, wanted: SubmitTask) -> Result<TaskRecord, ControlError> {
        self.submit(caller, wanted, None).await
    }

    /// Submits once more what a task that is over was to do. The caller must be allowed to read what it reads.
    pub async fn requeue_task(&self, caller: &Caller, id: TaskId) -> Result<TaskRecord, ControlError> {
        let permit = self.permit::<operation::RequeueTask>(caller, &resource(id)).await?;
        let task = self.find_task(permit.project(), id).await?;
        if !task.progress.state.is_final() {
            return Err(ControlError::TaskNotFinished(id));
        }
        let TaskRecord { spec, .. } = task;
        let of_digest = |digest| InputSource::Digest(digest);
        let (module, expected) = match spec.module_name {
            // Content of another project is read by its name alone, and by what that means now.
            Some(name) if spec.module_project.is_some() => (ModuleSource::Name(name), Some(spec.module)),
            Some(_) | None => (ModuleSource::Content(of_digest(spec.module)), None),
        };
        let wanted = SubmitTask {
            module,
            args: spec.args,
            env: spec.env,
            stdin: spec.stdin.map(of_digest),
            inputs: spec.inputs.into_iter().map(|(path, digest)| (path, of_digest(digest))).collect(),
            output_directory: spec.output_directory,
            limits: spec.limits,
            deterministic: spec.deterministic,
            plan: Plan { not_before: None, ..spec.plan },
        };
        self.submit(caller, wanted, Some(Repeat { of: id, expected })).await
    }

    async fn submit(
        &self,
        caller: &Caller,
        wanted: SubmitTask,
        repeat: Option<Repeat>,
    ) -> Result<TaskRecord, ControlError> {
        if self.stopping.is_cancelled() {
            return Err(ControlError::ShuttingDown);
        }
        let permit = self.permit::<operation::SubmitTask>(caller, &Resource::all("tasks")).await?;
        let now = self.now();
        check_plan(&wanted.plan, now)?;
        let mut spec = self.task_spec(caller, &permit, wanted).await?;
        if let Some(Repeat { of, expected }) = repeat {
            if expected.is_some_and(|expected| expected != spec.module) {
                return Err(ControlError::ModuleMoved(of));
            }
            spec.repeats = Some(of);
        }
        let plan = &spec.plan;
        let due = plan.not_before.map_or(now, |time| time.max(now));
        let deadline =
            due.saturating_add(Duration::from_millis(plan.timeout_ms.unwrap_or(spec.limits.wall_ms)));
        let task = TaskRecord {
            id: TaskId::generate(now, self.entropy()),
            project: permit.project().clone(),
            spec,
            progress: Progress::queued(due, deadline),
            actor: caller.principal.kind.to_string(),
            request: caller.request,
            created: now,
            updated: now,
            result: None,
        };
        let mut event = self.event(caller, permit.action(), resource(task.id), "queued");
        event.details.push(("module".to_owned(), task.spec.module.to_string()));
        if let Some(of) = task.spec.repeats {
            event.details.push(("repeats".to_owned(), of.to_string()));
        }
        match self.parts.queue.submit(&task, event).await? {
            Submitted::Accepted => {}
            Submitted::Exists(task) => return Ok(*task),
            Submitted::BlobMissing(digest) => {
                return Err(casemate_objects::ObjectsError::BlobMissing { digest }.into());
            }
            Submitted::QueueFull { open_max } => return Err(ControlError::QueueFull { open_max }),
        }
        metrics::counter!("casemate_tasks_submitted_total").increment(1);
        self.announce_task(&task);
        self.runs.wake();
        Ok(task)
    }

    async fn task_spec(
        &self,
        caller: &Caller,
        permit: &Permit<operation::SubmitTask>,
        wanted: SubmitTask,
    ) -> Result<TaskSpec, ControlError> {
        let limits = wanted.limits.within(&self.parts.settings.limits_ceiling)?;
        check_sizes(&wanted)?;
        let project = permit.project();
        let (module, module_name, module_project) = match wanted.module {
            ModuleSource::Name(name) => {
                let held = self.parts.names.resolve_for_run(permit, &name).await?;
                (held.digest, Some(name), Some(held.project).filter(|holder| holder != project))
            }
            ModuleSource::Content(source) => (self.input_digest(caller, source).await?, None, None),
        };
        let mut stdin = None;
        if let Some(source) = wanted.stdin {
            stdin = Some(self.input_digest(caller, source).await?);
        }
        let mut inputs = Vec::with_capacity(wanted.inputs.len());
        for (path, source) in wanted.inputs {
            inputs.push((check_input_path(path)?, self.input_digest(caller, source).await?));
        }
        check_distinct(&inputs)?;
        Ok(TaskSpec {
            module,
            module_name,
            module_project,
            args: wanted.args,
            env: wanted.env,
            stdin,
            inputs,
            output_directory: wanted.output_directory,
            limits,
            deterministic: wanted.deterministic,
            plan: wanted.plan,
            repeats: None,
        })
    }

    /// Finds what a task is to read, which must be something that its submitter may read.
    async fn input_digest(&self, caller: &Caller, source: InputSource) -> Result<Digest, ControlError> {
        match source {
            InputSource::Digest(digest) => {
                let permit = self.permit::<operation::GetObject>(caller, &Resource::all("content")).await?;
                self.parts.objects.check_readable(permit.project(), &digest).await?;
                Ok(digest)
            }
            InputSource::Object(bucket, key) => {
                let object = object_resource(&bucket, &key);
                let permit = self.permit::<operation::GetObject>(caller, &object).await?;
                Ok(self.parts.objects.find(permit.project(), &bucket, &key).await?.digest)
            }
        }
    }
}

/// A task that is done once more, and what its module must be.
struct Repeat {
    of: TaskId,
    expected: Option<Digest>,
}

/// How far ahead a task may be submitted.
const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The longest that a task may take altogether.
const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn check_plan(plan: &Plan, now: Timestamp) -> Result<(), ControlError> {
    let Plan { not_before, retry, timeout_ms, .. } = plan;
    let refused = |field, expected| Err(ControlError::TaskPlan { field, expected });
    if not_before.is_some_and(|time| time > now.saturating_add(AHEAD_MAX)) {
        return refused("not_before", "a time within a year");
    }
    if !(1..=RetryPolicy::ATTEMPTS_MAX).contains(&retry.attempts_max) {
        return refused("retry/attempts", "1 to 20 attempts");
    }
    if retry.wait_first > RetryPolicy::WAIT_FIRST_MAX {
        return refused("retry/wait_ms", "at most an hour");
    }
    if timeout_ms.is_some_and(|millis| millis == 0 || Duration::from_millis(millis) > TIMEOUT_MAX) {
        return refused("timeout_ms", "1 ms to 7 days");
    }
    Ok(())
}

fn check_sizes(wanted: &SubmitTask) -> Result<(), ControlError> {
    for (what, count) in [
        ("arguments", wanted.args.len()),
        ("environment variables", wanted.env.len()),
        ("input files", wanted.inputs.len()),
    ] {
        if count > ITEMS_MAX {
            return Err(ControlError::TaskTooLarge { what, max: ITEMS_MAX });
        }
    }
    let mut texts = wanted.args.iter().chain(wanted.env.iter().flat_map(|(name, value)| [name, value]));
    if texts.any(|text| text.contains('\0'))
        || wanted.env.iter().any(|(name, _)| name.is_empty() || name.contains('='))
    {
        return Err(ControlError::TaskText);
    }
    let args: usize = wanted.args.iter().map(String::len).sum();
    let env: usize = wanted.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    for (what, bytes) in [("bytes of arguments", args), ("bytes of environment variables", env)] {
        if bytes > TEXT_BYTES_MAX {
            return Err(ControlError::TaskTooLarge { what, max: TEXT_BYTES_MAX });
        }
    }
    Ok(())
}

/// Refuses two inputs of one path, and one that would have to be a directory of another.
fn check_distinct(inputs: &[(String, Digest)]) -> Result<(), ControlError> {
    let mut paths: Vec<_> = inputs.iter().map(|(path, _)| path.as_str()).collect();
    // Sorted as if each ended in `/`, what lies below a path comes right after it.
    paths.sort_by(|one, other| one.bytes().chain(*b"/").cmp(other.bytes().chain(*b"/")));
    for pair in paths.windows(2) {
        if pair[1] == pair[0] || pair[1].strip_prefix(pair[0]).is_some_and(|rest| rest.starts_with('/')) {
            return Err(ControlError::InputTwice(pair[1].to_owned()));
        }
    }
    Ok(())
}

/// Accepts relative paths without empty, `.` or `..` parts. The sandbox checks again at its own border.
fn check_input_path(path: String) -> Result<String, ControlError> {
    let parts_hold = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let text_holds = path.len() <= 255
        && path.split('/').count() <= INPUT_DEPTH_MAX
        && !path.chars().any(char::is_control)
        && !path.contains('\\');
    if parts_hold && text_holds {
        Ok(path)
    } else {
        Err(ControlError::InputPath(path.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_do_not_stand_in_each_others_place() {
        let check = |paths: &[&str]| {
            check_distinct(
                &paths.iter().map(|path| ((*path).to_owned(), Digest::of(b""))).collect::<Vec<_>>(),
            )
        };
        for good in [&["a", "b"][..], &["a/b", "a/c", "a.b"], &["ab", "a/b"], &[]] {
            assert!(check(good).is_ok(), "{good:?}");
        }
        for (bad, named) in [(&["a", "b", "a"][..], "a"), (&["a/b/c", "a-", "a.b", "a/b"], "a/b/c")] {
            let refused = check(bad);
            assert!(
                matches!(&refused, Err(ControlError::InputTwice(path)) if path == named),
                "{bad:?}: {refused:?}"
            );
        }
    }

    #[test]
    fn input_paths_stay_inside() {
        for path in ["a", "a/b.txt", "größe"] {
            assert_eq!(check_input_path(path.to_owned()).expect("relative"), path);
        }
        let deep = "a/".repeat(INPUT_DEPTH_MAX) + "b";
        for path in
            [deep.as_str(), "", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\0", &"a".repeat(256)]
        {
            let refused = check_input_path(path.to_owned());
            assert!(matches!(refused, Err(ControlError::InputPath(_))), "{path}");
        }
    }
}
