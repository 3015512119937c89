use std::io;

/// Why a sandbox cannot start or is not well. What a guest does is never one of these: that is an
/// [`Outcome`](casemate_model::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The host lacks a wall that guests must not be run without.
    #[error("this host lacks {}; guests would not be contained. Add what is missing, or waive the walls in the configuration", .missing.join(" and "))]
    WallsMissing {
        /// The walls, each with what would bring it.
        missing: Vec<&'static str>,
    },
    /// A worker process could not be started.
    #[error("could not start a worker process")]
    Spawn(#[source] io::Error),
    /// A worker process started but did not become ready.
    #[error("a worker process did not become ready: {0}")]
    NotReady(String),
    /// No idle worker answered in time.
    #[error("no worker answered: {0}")]
    Unresponsive(String),
    /// The sandbox's directory could not be used.
    #[error("could not {attempt} in the sandbox's directory")]
    Directory {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The key that seals compiled code has the wrong size.
    #[error(
        "the file `{name}` in the sandbox's directory is not a key; remove it and the directory `code` beside it, \
         and start again"
    )]
    SealKey {
        /// The file.
        name: &'static str,
    },
    /// The engine refused its configuration.
    #[error("the engine did not start: {0}")]
    Engine(String),
}

impl SandboxError {
    /// Names the attempt behind an error of the sandbox's directory.
    pub(crate) fn directory<E>(attempt: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Directory { attempt, source: Box::new(source) }
    }
}

/// An error with its causes, in one line for a report.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
