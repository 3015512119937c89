/// Why a store port could not answer. What a caller did wrong is never in here: ports answer that as values.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store has no room left. Nothing was changed.
    #[error("the store has no room left to {action}")]
    Full {
        /// What was attempted.
        action: &'static str,
        /// The failure underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store did not answer in time, or is shut down. Nothing was changed; trying again may help.
    #[error("the store is unavailable while trying to {action}")]
    Unavailable {
        /// What was attempted, as in "put an object".
        action: &'static str,
        /// The failure underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The change and its audit entry could not be made durable in time. Nothing was changed.
    #[error(
        "the audit entry for `{action}` could not be made durable in {waited_ms} ms, so nothing was changed"
    )]
    AuditTimeout {
        /// What was attempted.
        action: &'static str,
        /// How long the caller waited, in milliseconds.
        waited_ms: u64,
    },
    /// The store was lost while it committed, so the change and its audit entry are there, both, or neither is.
    #[error(
        "the store was lost while it committed `{action}`: look whether it happened before you try again"
    )]
    OutcomeUnknown {
        /// What was attempted.
        action: &'static str,
        /// The failure underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store holds something that cannot be what was written.
    #[error("the store holds a damaged {what}: run `casemate db check`")]
    Damaged {
        /// The kind of row, as in "task".
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
