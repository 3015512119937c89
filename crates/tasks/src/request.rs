use casemate_model::{BucketName, Digest, Name, ObjectKey, RunLimits, TaskId};

use crate::Plan;

/// What a caller wants to run.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// What a name means now; any project's name.
    Name(Name),
    /// Content of the caller's project.
    Content(InputSource),
}

/// Where input of a task comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskInput {
    /// Content that is there.
    Content(InputSource),
    /// What another task of the project leaves: a file of its `/out`, else its standard output.
    Output(TaskId, Option<String>),
}

/// Where content of the caller's project comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputSource {
    /// Content by its digest.
    Digest(Digest),
    /// An object as it is now.
    Object(BucketName, ObjectKey),
}

impl SubmitTask {
    /// The content that it names by digest.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        let of = |source: &InputSource| match source {
            InputSource::Digest(digest) => Some(*digest),
            InputSource::Object(..) => None,
        };
        let module = match &self.module {
            ModuleSource::Content(source) => of(source),
            ModuleSource::Name(_) => None,
        };
        let inputs = self.stdin.iter().chain(self.inputs.iter().map(|(_, input)| input));
        let inputs = inputs.filter_map(move |input| match input {
            TaskInput::Content(source) => of(source),
            TaskInput::Output(..) => None,
        });
        module.into_iter().chain(inputs)
    }
}
