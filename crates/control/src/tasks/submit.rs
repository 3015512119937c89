use casemate_model::{BucketName, Digest, Name, ObjectKey, RunLimits, TaskId, Timestamp};
use casemate_policy::{Permit, Resource, operation};
use casemate_tasks::{
    Awaited, NEEDS_MAX, Plan, Progress, Quorum, RetryPolicy, Submitted, TaskRecord, TaskSpec,
};
use std::collections::BTreeSet;
use std::time::Duration;

use super::read::resource;
use crate::objects::object_resource;
use crate::{Caller, Control, ControlError, TaskError};

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
    pub stdin: Option<TaskInput>,
    /// Files of the input directory.
    pub inputs: Vec<(String, TaskInput)>,
    /// Tasks that must succeed before it is taken, besides those whose outputs it reads.
    pub after: Vec<TaskId>,
    /// Whether there is an output directory.
    pub output_directory: bool,
    /// What it may use.
    pub limits: RunLimits,
    /// Whether it runs under the deterministic profile.
    pub deterministic: bool,
    /// When it runs, how urgently, and how often it is attempted.
    pub plan: Plan,
    /// How many must agree of how many that run it.
    pub quorum: Option<(u8, u8)>,
}

/// Where a module comes from. It is resolved once, at submission.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// What a name means now; any project's name.
    Name(Name),
    /// Content of the caller's project.
    Content(InputSource),
}

/// Where input of a task comes from.
#[derive(Clone, Debug)]
pub enum TaskInput {
    /// Content that is there.
    Content(InputSource),
    /// What another task of the project leaves: a file of its `/out`, else its standard output.
    Output(TaskId, Option<String>),
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
            stdin: spec.stdin.map(of_digest).map(TaskInput::Content),
            inputs: spec
                .inputs
                .into_iter()
                .map(|(path, digest)| (path, TaskInput::Content(of_digest(digest))))
                .collect(),
            after: Vec::new(),
            output_directory: spec.output_directory,
            limits: spec.limits,
            deterministic: spec.deterministic,
            plan: Plan { not_before: None, ..spec.plan },
            quorum: spec
                .quorum
                .map(|quorum| (quorum.agree, u8::try_from(quorum.replicas.len()).unwrap_or(0))),
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
                return Err(TaskError::ModuleMoved(of).into());
            }
            spec.repeats = Some(of);
        }
        let mut task = TaskRecord {
            id: TaskId::generate(now, self.entropy()),
            project: permit.project().clone(),
            spec,
            progress: Progress::queued(now, now),
            actor: caller.principal.kind.to_string(),
            request: caller.request,
            created: now,
            updated: now,
            result: None,
        };
        let (due, deadline) = task.schedule(now);
        task.progress = Progress::queued(due, deadline);
        let mut event = self.event(caller, permit.action(), resource(task.id), "queued");
        event.details.push(("module".to_owned(), task.spec.module.to_string()));
        if let Some(of) = task.spec.repeats {
            event.details.push(("repeats".to_owned(), of.to_string()));
        }
        match self.parts.queue.submit(&task, event).await? {
            Submitted::Accepted => {}
            Submitted::Exists(task) => return Ok(*task),
            Submitted::NeedsMissing(needed) => return Err(TaskError::NeedsMissing(needed).into()),
            Submitted::OutputMissing(missing) => return Err(TaskError::from(missing).into()),
            Submitted::BlobMissing(digest) => {
                return Err(casemate_objects::ObjectsError::BlobMissing { digest }.into());
            }
            Submitted::QueueFull { open_max } => return Err(ControlError::QueueFull { open_max }),
        }
        metrics::counter!("casemate_tasks_submitted_total").increment(1);
        if !task.spec.needs.is_empty() {
            // The store has looked at what it needs.
            task = self.find_task(&task.project, task.id).await?;
        }
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
        let (mut stdin, mut inputs, mut awaited) = (None, Vec::new(), Vec::new());
        let files = wanted.inputs.into_iter().map(|(path, input)| (Some(path), input));
        for (path, input) in wanted.stdin.map(|input| (None, input)).into_iter().chain(files) {
            let path = path.map(check_input_path).transpose()?;
            match (input, path) {
                (TaskInput::Output(task, file), path) => awaited.push(Awaited { task, file, path }),
                (TaskInput::Content(source), None) => stdin = Some(self.input_digest(caller, source).await?),
                (TaskInput::Content(source), Some(path)) => {
                    inputs.push((path, self.input_digest(caller, source).await?));
                }
            }
        }
        let paths = inputs.iter().map(|(path, _)| path);
        check_distinct(paths.chain(awaited.iter().filter_map(|awaited| awaited.path.as_ref())))?;
        let needs = self.needs(caller, wanted.after, &awaited).await?;
        let quorum = match wanted.quorum {
            None => None,
            Some(_) if !wanted.deterministic => return Err(TaskError::QuorumNotDeterministic.into()),
            Some((agree, of)) => {
                let replicas = (0..of).map(|_| TaskId::generate(self.now(), self.entropy())).collect();
                Some(Quorum::new(agree, replicas).map_err(TaskError::Quorum)?)
            }
        };
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
            needs,
            awaited,
            quorum,
            replica_of: None,
        })
    }

    /// The tasks that one needs, each once. Who reads what another task leaves must be allowed to.
    async fn needs(
        &self,
        caller: &Caller,
        after: Vec<TaskId>,
        awaited: &[Awaited],
    ) -> Result<Vec<TaskId>, ControlError> {
        let read: BTreeSet<TaskId> = awaited.iter().map(|awaited| awaited.task).collect();
        for id in &read {
            self.permit::<operation::ReadTaskOutput>(caller, &resource(*id)).await?;
        }
        let needs: BTreeSet<TaskId> = read.into_iter().chain(after).collect();
        if needs.len() > NEEDS_MAX {
            return Err(ControlError::TaskTooLarge { what: "tasks that it needs", max: NEEDS_MAX });
        }
        Ok(needs.into_iter().collect())
    }

    /// Finds what a task is to read, which must be something that its submitter may read.
    pub(crate) async fn input_digest(
        &self,
        caller: &Caller,
        source: InputSource,
    ) -> Result<Digest, ControlError> {
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

fn check_plan(plan: &Plan, now: Timestamp) -> Result<(), ControlError> {
    let Plan { not_before, retry, timeout_ms, .. } = plan;
    let refused = |field, expected| Err(TaskError::Plan { field, expected }.into());
    if not_before.is_some_and(|time| time > now.saturating_add(AHEAD_MAX)) {
        return refused("not_before", "a time within a year");
    }
    if !(1..=RetryPolicy::ATTEMPTS_MAX).contains(&retry.attempts_max) {
        return refused("retry/attempts", "1 to 20 attempts");
    }
    if retry.wait_first > RetryPolicy::WAIT_FIRST_MAX {
        return refused("retry/wait_ms", "at most an hour");
    }
    if timeout_ms.is_some_and(|millis| millis == 0 || Duration::from_millis(millis) > Plan::TIMEOUT_MAX) {
        return refused("timeout_ms", "1 ms to 7 days");
    }
    Ok(())
}

fn check_sizes(wanted: &SubmitTask) -> Result<(), ControlError> {
    if wanted.inputs.len() > ITEMS_MAX {
        return Err(ControlError::TaskTooLarge { what: "input files", max: ITEMS_MAX });
    }
    check_texts(&wanted.args, &wanted.env)
}

/// Refuses arguments and environments that no guest could be given.
pub(crate) fn check_texts(args: &[String], env: &[(String, String)]) -> Result<(), ControlError> {
    for (what, count) in [("arguments", args.len()), ("environment variables", env.len())] {
        if count > ITEMS_MAX {
            return Err(ControlError::TaskTooLarge { what, max: ITEMS_MAX });
        }
    }
    let mut texts = args.iter().chain(env.iter().flat_map(|(name, value)| [name, value]));
    if texts.any(|text| text.contains('\0'))
        || env.iter().any(|(name, _)| name.is_empty() || name.contains('='))
    {
        return Err(ControlError::TaskText);
    }
    let args: usize = args.iter().map(String::len).sum();
    let env: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    for (what, bytes) in [("bytes of arguments", args), ("bytes of environment variables", env)] {
        if bytes > TEXT_BYTES_MAX {
            return Err(ControlError::TaskTooLarge { what, max: TEXT_BYTES_MAX });
        }
    }
    Ok(())
}

/// Refuses two inputs of one path, and one that would have to be a directory of another.
fn check_distinct<'p>(paths: impl Iterator<Item = &'p String>) -> Result<(), ControlError> {
    let mut paths: Vec<&str> = paths.map(String::as_str).collect();
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
            let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
            check_distinct(paths.iter())
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
