use casemate_functions::{
    CONCURRENCY_MAX, FUNCTIONS_MAX, FunctionName, GRANTABLE, RATE_MAX, RouteError, VALUES_BYTES_MAX,
    VALUES_MAX, ValueKey,
};
use casemate_model::{Outcome, Scope, Scopes};
use casemate_sandbox::ModuleError;

/// Why something about functions was not done.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// There is no such function, or none of the caller's project.
    #[error("there is no function {0}")]
    NotFound(FunctionName),
    /// The function has no such version, or not any more.
    #[error("the function {name} has no version {version}")]
    NoVersion {
        /// The function.
        name: FunctionName,
        /// The version.
        version: u32,
    },
    /// There is no version to go back to.
    #[error("the function {0} has no earlier version")]
    NothingBefore(FunctionName),
    /// Another project has the name.
    #[error("the name {0} is another project's")]
    NameTaken(FunctionName),
    /// The project has as many functions as it may have.
    #[error("the project has {FUNCTIONS_MAX} functions already")]
    TooMany,
    /// Somebody else deployed or routed meanwhile.
    #[error("somebody else has deployed to {0}, or routed it, at the same time")]
    Overtaken(FunctionName),
    /// A route is none.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The component cannot be a function.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The component cannot be made ready.
    #[error("the component cannot be compiled: {0}")]
    NotCompiled(Outcome),
    /// A function would answer none at once, or too many.
    #[error("a function answers 1 to {CONCURRENCY_MAX} requests at once")]
    Concurrency,
    /// A function would answer none a second, or too many.
    #[error("a limit of requests a second is 1 to {RATE_MAX}")]
    Rate,
    /// In whose name a version asks the node cannot be read.
    #[error("in whose name the function asks the node cannot be read")]
    Maker(#[source] casemate_identity::MakerError),
    /// The node's own host would be declared.
    #[error("the node itself is no host to declare: what a function may ask of it is granted")]
    NodeAsHost,
    /// A function asked the node for something that it was not granted.
    #[error("the function {name} was not granted {scope} on this")]
    NotGranted {
        /// The function.
        name: FunctionName,
        /// What it takes.
        scope: Scope,
    },
    /// A function would be granted what none may have.
    #[error("a function may be granted no more than {}", Scopes::of(&GRANTABLE))]
    NotGrantable,
    /// A function would be granted what its maker may not do.
    #[error("the function would reach further than whoever deploys it")]
    ExceedsMaker,
    /// What is read would be everybody's.
    #[error(
        "who calls a public function may be shown all that it reads: granting it objects:read takes objects:share on the same"
    )]
    Publishes,
    /// A key that is bound to networks would be used outside of them.
    #[error("a function asks the node from within: a key that is bound to networks can grant it nothing")]
    BoundMaker,
    /// There is no such value.
    #[error("the function {name} keeps no value under `{key}`")]
    NoValue {
        /// The function.
        name: FunctionName,
        /// The key.
        key: ValueKey,
    },
    /// Another value is there than the caller saw.
    #[error("{}", other_value(.0))]
    OtherValue(Option<u64>),
    /// The function keeps as much as it may.
    #[error("a function keeps at most {VALUES_MAX} values of {} MiB together", VALUES_BYTES_MAX >> 20)]
    ValuesFull,
    /// The node has no memory for it.
    #[error("the node has no memory for the component")]
    Memory,
    /// The function answers as many requests as it may, and as many wait.
    #[error("the function {0} has too many requests at this moment")]
    Busy(FunctionName),
    /// The function has answered as many requests this second as it may.
    #[error("the function {name} answers at most {rate} requests a second")]
    TooOften {
        /// The function.
        name: FunctionName,
        /// Its limit.
        rate: u32,
        /// When to try again.
        retry_after: std::time::Duration,
    },
    /// The body did not come in time.
    #[error("the body did not come in time")]
    BodyTooSlow,
    /// Nobody took the answer.
    #[error("the answer was not taken")]
    NotTaken,
    /// The body is larger than a function is given.
    #[error("the body is larger than {bytes_max} bytes, the most that a function is given")]
    BodyTooLarge {
        /// The most.
        bytes_max: u64,
    },
    /// The run ended without an answer.
    #[error("the function {name} gave no answer: {outcome}")]
    Failed {
        /// The function.
        name: FunctionName,
        /// How the run ended.
        outcome: Outcome,
    },
}

fn other_value(revision: &Option<u64>) -> String {
    match revision {
        Some(revision) => format!("another value is there, of revision {revision}"),
        None => "there is no value any more".to_owned(),
    }
}
