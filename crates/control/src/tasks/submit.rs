use casemate_model::{BucketName, Digest, Name, ObjectKey, RunLimits, TaskId};
use casemate_policy::{Permit, Resource, operation};
use casemate_tasks::{Progress, Submitted, TaskRecord, TaskSpec};
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
    /// Accepts a task; when this returns, it is durable and will run.
    pub async fn submit_task(&self, caller: &Caller, wanted: SubmitTask) -> Result<TaskRecord, ControlError> {
        if self.stopping.is_cancelled() {
            return Err(ControlError::ShuttingDown);
        }
        let permit = self.permit::<operation::SubmitTask>(caller, &Resource::all("tasks")).await?;
        let spec = self.task_spec(caller, &permit, wanted).await?;
        let now = self.now();
        let deadline = now.saturating_add(Duration::from_millis(spec.limits.wall_ms));
        let task = TaskRecord {
            id: TaskId::generate(now, self.entropy()),
            project: permit.project().clone(),
            spec,
            progress: Progress::queued(now, deadline),
            actor: caller.principal.kind.to_string(),
            request: caller.request,
            created: now,
            updated: now,
            result: None,
        };
        let mut event = self.event(caller, permit.action(), resource(task.id), "queued");
        event.details.push(("module".to_owned(), task.spec.module.to_string()));
        match self.parts.queue.submit(&task, event).await? {
            Submitted::Accepted => {}
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
