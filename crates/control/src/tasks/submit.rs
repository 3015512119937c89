use casemate_ledger::Event;
use casemate_model::{Digest, TaskId, Timestamp};
use casemate_policy::{Permit, Resource, operation};
use casemate_tasks::{
    Awaited, InputSource, ModuleSource, Plan, Progress, Quorum, RetryPolicy, SubmitTask, Submitted,
    TaskInput, TaskRecord, TaskSpec, TaskType, TypeLimits,
};
use std::collections::BTreeSet;
use std::time::Duration;

use super::read::resource;
use crate::objects::object_resource;
use crate::schedules::SCHEDULE_KEYS;
use crate::{Caller, Control, ControlError, TaskError};

/// What a submission may hold.
const LIMITS: TypeLimits = TaskType::Wasm.limits();

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
        // Who has one of these keys keeps a schedule from going on.
        let key = wanted.plan.key.as_ref().filter(|_| repeat.is_none());
        if key.is_some_and(|key| key.to_string().starts_with(SCHEDULE_KEYS)) {
            let expected = "a key that does not begin with `schedule/`: such are for schedules";
            return Err(TaskError::Plan { field: "key", expected }.into());
        }
        let (mut task, event) = self.prepare_task(caller, wanted, repeat).await?;
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
        if !task.spec.needs.is_empty() {
            // The store has looked at what it needs.
            task = self.find_task(&task.project, task.id).await?;
        }
        self.submitted(&task);
        Ok(task)
    }

    /// Lets everybody know of a task that is durable since now.
    pub(crate) fn submitted(&self, task: &TaskRecord) {
        metrics::counter!("casemate_tasks_submitted_total").increment(1);
        self.announce_task(task);
        self.runs.wake();
    }

    /// Makes the task that a caller wants, with its audit event, of what there is now.
    pub(crate) async fn prepare_task(
        &self,
        caller: &Caller,
        wanted: SubmitTask,
        repeat: Option<Repeat>,
    ) -> Result<(TaskRecord, Event), ControlError> {
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
        Ok((task, event))
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
                let (holder, digest) = self.parts.names.resolve_for_run(permit, &name, self.now()).await?;
                (digest, Some(name), Some(holder).filter(|holder| holder != project))
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
        let most = LIMITS.needs;
        if needs.len() > most {
            return Err(ControlError::TaskTooLarge { what: "tasks that it needs", max: most });
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
pub(crate) struct Repeat {
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
    if wanted.inputs.len() > LIMITS.input_files {
        return Err(ControlError::TaskTooLarge { what: "input files", max: LIMITS.input_files });
    }
    check_texts(&wanted.args, &wanted.env)
}

/// Refuses arguments and environments that no guest could be given.
pub(crate) fn check_texts(args: &[String], env: &[(String, String)]) -> Result<(), ControlError> {
    for (what, count) in [("arguments", args.len()), ("environment variables", env.len())] {
        if count > LIMITS.texts {
            return Err(ControlError::TaskTooLarge { what, max: LIMITS.texts });
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
        if bytes > LIMITS.text_bytes {
            return Err(ControlError::TaskTooLarge { what, max: LIMITS.text_bytes });
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
        && path.split('/').count() <= LIMITS.input_depth
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
        let deep = "a/".repeat(LIMITS.input_depth) + "b";
        for path in
            [deep.as_str(), "", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\0", &"a".repeat(256)]
        {
            let refused = check_input_path(path.to_owned());
            assert!(matches!(refused, Err(ControlError::InputPath(_))), "{path}");
        }
    }
}
