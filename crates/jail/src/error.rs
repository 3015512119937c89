/// A wall that was there but could not be raised.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// A system call of the set-up failed.
    #[error("could not {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: rustix::io::Errno,
    },
    /// The Landlock rules could not be built or entered.
    #[error("could not enter the Landlock rules")]
    Landlock(#[from] landlock::RulesetError),
}

/// Names the attempt behind a system call's error.
pub(crate) fn attempt(attempt: &'static str) -> impl FnOnce(rustix::io::Errno) -> JailError {
    move |source| JailError::System { attempt, source }
}
