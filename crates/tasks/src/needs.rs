use casemate_model::{Digest, TaskId};

use crate::{TaskResult, TaskSpec};

/// Most tasks that one task needs.
pub const NEEDS_MAX: usize = 16;

/// An output of another task that a task reads, once the other has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The other task.
    pub task: TaskId,
    /// The file that it leaves; its standard output if absent.
    pub file: Option<String>,
    /// The path under `/in` at which it is read; as standard input if absent.
    pub path: Option<String>,
}

/// A task that succeeded has not left what another one reads of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task {task} has left no {}", file.as_deref().unwrap_or("standard output"))]
pub struct OutputMissing {
    /// The task that succeeded.
    pub task: TaskId,
    /// The file that is not there.
    pub file: Option<String>,
}

impl Awaited {
    /// What it is of the result of its task.
    pub fn digest_in(&self, result: &TaskResult) -> Result<Digest, OutputMissing> {
        let found = match &self.file {
            None => result.stdout,
            Some(path) => result.outputs.iter().find(|file| file.path == *path).map(|file| file.digest),
        };
        found.ok_or_else(|| OutputMissing { task: self.task, file: self.file.clone() })
    }
}

impl TaskSpec {
    /// Puts in what is read of `task`, which has succeeded with `result`.
    pub fn resolve(&mut self, task: TaskId, result: &TaskResult) -> Result<(), OutputMissing> {
        for awaited in self.awaited.iter().filter(|awaited| awaited.task == task) {
            let digest = awaited.digest_in(result)?;
            match &awaited.path {
                None => self.stdin = Some(digest),
                Some(path) => self.inputs.push((path.clone(), digest)),
            }
        }
        Ok(())
    }
}
