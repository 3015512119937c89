use std::path::PathBuf;

/// Why a check or a build ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XtaskError {
    #[error("there is no command `{0}`: `cargo xtask help` lists them")]
    UnknownCommand(String),
    #[error("there is no step `{0}`: the steps are {steps}", steps = crate::ci::step_names())]
    UnknownStep(String),
    #[error("`{0}` is not a number of seconds from 1 to 86400")]
    Seconds(String),
    #[error("step {step} failed; run it again with `cargo xtask ci {step}`")]
    Step {
        step: &'static str,
        #[source]
        source: Box<XtaskError>,
    },
    #[error("cannot {what} {path}")]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot start `{program}`: `scripts/setup.sh test` installs what the checks need")]
    Start {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{command}` failed: {status}")]
    Command { command: String, status: std::process::ExitStatus },
    #[error("cargo cannot describe the workspace")]
    Metadata(#[from] cargo_metadata::Error),
    #[error("{0} findings: mend each, or change the rule with its reason")]
    Findings(usize),
    #[error("{path} cannot be assembled")]
    Wat {
        path: PathBuf,
        #[source]
        source: wat::Error,
    },
    #[error("{guest} is not a valid module")]
    BadModule {
        guest: String,
        #[source]
        source: wasmparser::BinaryReaderError,
    },
    #[error("{guest} {fault}")]
    UnfitGuest { guest: String, fault: String },
    #[error("a function cannot be built: {0}")]
    Wit(String),
}
