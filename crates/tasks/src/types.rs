use std::fmt;
use std::str::FromStr;

use casemate_model::RunLimits;

use crate::NEEDS_MAX;

/// What kind of work a task is. The list is short, because every result is one that a guest gave: there is no kind whose work
/// the server makes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskType {
    /// A WebAssembly module or component that is run as a command.
    #[default]
    Wasm,
}

/// Text that is no [`TaskType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no task type `{0}`: the only one is wasm")]
pub struct TaskTypeError(String);

/// What a submission of a type may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeLimits {
    /// Bytes of the module.
    pub module_bytes: u64,
    /// Bytes of all inputs together. They are held in memory while the task runs.
    pub input_bytes: u64,
    /// Files of the input directory.
    pub input_files: usize,
    /// Names in the path of one.
    pub input_depth: usize,
    /// Arguments, and as many environment variables.
    pub texts: usize,
    /// Bytes of all arguments together, and of all environment variables together.
    pub text_bytes: usize,
    /// Tasks that one needs.
    pub needs: usize,
    /// What a run gets that asks for nothing.
    pub default: RunLimits,
}

impl TaskType {
    /// Every type.
    pub const ALL: [Self; 1] = [Self::Wasm];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
        }
    }

    /// What it is, for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Wasm => {
                "a WebAssembly module (WASI preview 1) or component (WASI 0.2) that is run as a command"
            }
        }
    }

    /// What a submission may hold at most. What its run may use at most is for the operator to say.
    pub const fn limits(self) -> TypeLimits {
        match self {
            Self::Wasm => TypeLimits {
                module_bytes: 128 << 20,
                input_bytes: 1 << 30,
                input_files: 256,
                input_depth: 16,
                texts: 256,
                text_bytes: 64 << 10,
                needs: NEEDS_MAX,
                default: RunLimits::DEFAULT,
            },
        }
    }
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TaskType {
    type Err = TaskTypeError;

    fn from_str(text: &str) -> Result<Self, TaskTypeError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| TaskTypeError(text.chars().take(40).collect()))
    }
}
