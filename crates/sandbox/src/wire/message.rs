use casemate_model::RunLimits;
use serde::{Deserialize, Serialize};

use crate::Profile;
use crate::walls::Walls;
use crate::wire::exchange::RequestHead;

/// What a new process is told before it walls itself in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    /// The user to become if the node runs as root.
    pub(crate) uid: u32,
    /// Greatest memory of any run, which bounds the memory of the process.
    pub(crate) memory_bytes_max: u64,
    /// Greatest number of table elements of any run, likewise.
    pub(crate) table_elements_max: u64,
    /// Greatest output of any run, which bounds every file.
    pub(crate) output_bytes_max: u64,
    /// Bounds address space and processor time of a compiler; absent for a worker.
    pub(crate) compiler: Option<CompilerBounds>,
}

/// What one compilation may use.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompilerBounds {
    /// Address space beyond what the process has mapped at its start.
    pub(crate) memory_bytes: u64,
    /// Processor time, in case the node is not there to kill it.
    pub(crate) cpu_seconds: u64,
}

/// One compilation; the module rides along as a descriptor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompileRequest {
    /// Decides the engine's configuration.
    pub(crate) profile: Profile,
    /// A component, else a core module.
    pub(crate) component: bool,
}

/// How a compilation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum CompileReply {
    /// All code has been sent.
    Compiled,
    /// The module does not validate.
    Invalid(String),
}

/// One input file; its bytes ride along as a descriptor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputFile {
    /// Relative, of plain components.
    pub(crate) path: String,
    /// How many bytes the descriptor holds.
    pub(crate) bytes: u64,
}

/// One run; the code and the standard input ride along as descriptors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRequest {
    /// Decides the engine's configuration, clocks and randomness.
    pub(crate) profile: Profile,
    /// A component, else a core module.
    pub(crate) component: bool,
    /// Identifies the code in the worker's memory.
    pub(crate) code_key: [u8; 32],
    /// How many bytes of code the first descriptor holds.
    pub(crate) code_bytes: u64,
    /// Arguments, the program's name first.
    pub(crate) args: Vec<String>,
    /// Environment.
    pub(crate) env: Vec<(String, String)>,
    /// Whether a second descriptor holds the standard input.
    pub(crate) stdin: bool,
    /// Whether the input directory is granted.
    pub(crate) input_directory: bool,
    /// Whether the output directory is granted.
    pub(crate) output_directory: bool,
    /// Time left until the deadline, in microseconds.
    pub(crate) remaining_us: u64,
    /// Seed of the deterministic profile's randomness.
    pub(crate) seed: [u8; 32],
    /// What the run may use.
    pub(crate) limits: Limits,
    /// The request to answer, whose body is the standard input; absent for a command.
    pub(crate) serving: Option<RequestHead>,
}

/// [`RunLimits`] as far as a worker enforces them; the fields are documented there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) table_elements: u64,
    pub(crate) instances: u32,
    pub(crate) stack_bytes: u64,
    pub(crate) output_bytes: u64,
    pub(crate) log_bytes: u64,
}

impl From<&RunLimits> for Limits {
    fn from(limits: &RunLimits) -> Self {
        Self {
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            instances: limits.instances,
            stack_bytes: limits.stack_bytes,
            output_bytes: limits.output_bytes,
            log_bytes: limits.log_bytes,
        }
    }
}

/// The walls that a new process found and raised.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ready {
    /// What is in force.
    pub(crate) walls: Walls,
}

/// How a run ended, in a worker's words. Every field is a claim that the node bounds before it uses it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {
    /// [`Outcome::kind`](casemate_model::Outcome::kind).
    pub(crate) kind: String,
    /// [`Outcome::detail`](casemate_model::Outcome::detail).
    pub(crate) detail: String,
    /// The engine's counter.
    pub(crate) fuel: u64,
    /// Highest linear memory of all instances together.
    pub(crate) memory_bytes_peak: u64,
    /// Highest number of table elements of all tables together.
    pub(crate) table_elements_peak: u64,
    /// Loading the code.
    pub(crate) load_us: u64,
    /// From loaded code to an instance ready to start.
    pub(crate) instantiate_us: u64,
    /// From the first instruction to the end.
    pub(crate) run_us: u64,
    /// Entries of the output directory that are no regular files, and so were not handed back.
    pub(crate) outputs_refused: Vec<String>,
}
