//! Holding the node's clock against that of the database's server, which all nodes that share it have in common.

use std::sync::Arc;
use std::time::Duration;

use casemate_model::Clock;
use casemate_state::Store;
use tokio_util::sync::CancellationToken;

/// How far apart clocks may be before it is said. Leases of tasks last ten seconds, and access tokens of the future are
/// believed for thirty: beyond those nodes disagree.
const APART_MS_MAX: u64 = 5_000;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(60);

/// Looks now and then, until `stop`.
pub(crate) async fn watch(store: Store, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut looks = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        match store.clock_ahead_ms(&*clock).await {
            Ok(Some(ahead_ms)) => say(ahead_ms),
            // The database has no clock of its own.
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the clock of the database is not known"
                );
            }
        }
    }
}

fn say(ahead_ms: i64) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a difference that a person reads")]
    metrics::gauge!("casemate_clock_ahead_seconds").set(ahead_ms as f64 / 1_000.0);
    if let Some(words) = warning(ahead_ms) {
        tracing::warn!(ahead_ms, "{words}");
    }
}

/// What to say of clocks that are so far apart.
fn warning(ahead_ms: i64) -> Option<&'static str> {
    match ahead_ms {
        _ if ahead_ms.unsigned_abs() <= APART_MS_MAX => None,
        1.. => Some(
            "the clock of this node is behind that of the database: credentials and leases last too long here",
        ),
        _ => Some(
            "the clock of this node is ahead of that of the database: credentials and leases end too early here",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_and_which_way() {
        assert_eq!([warning(0), warning(5_000), warning(-5_000)], [None; 3]);
        assert!(warning(5_001).is_some_and(|words| words.contains("is behind")));
        assert!(warning(-5_001).is_some_and(|words| words.contains("is ahead")));
    }
}
