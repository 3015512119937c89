use std::sync::Arc;
use std::time::Duration;

use casemate_model::Clock;
use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::pair::Fingerprint;
use super::{Look, Tls};

/// How often the files are looked at. They are small, and their contents are compared rather than their times.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// A broken pair that was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    fingerprint: Option<Fingerprint>,
    pub(super) reported: bool,
}

impl Tls {
    /// Looks at the files every few seconds, and at once when the operator asks by a signal, until `stop`.
    pub async fn watch(self: Arc<Self>, clock: Arc<dyn Clock>, mut asked: Signal, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut broken = None;
        loop {
            let urgent = tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => false,
                _ = asked.recv() => true,
            };
            let (tls, now) = (Arc::clone(&self), clock.now());
            let Ok(look) = tokio::task::spawn_blocking(move || tls.look(now)).await else { continue };
            broken = report(look, broken, urgent);
            if let Some(not_after) = self.not_after() {
                metrics::gauge!("casemate_tls_certificate_expires_seconds")
                    .set((not_after.as_millis() / 1_000) as f64);
            }
        }
    }
}

/// Says what a look has shown. A pair that is found broken is looked at once more before it is reported, as it may be in the middle of
/// being written, and reported once; returns what is broken now.
pub(super) fn report(look: Look, before: Option<Broken>, urgent: bool) -> Option<Broken> {
    let (fingerprint, error) = match look {
        Look::Same if urgent => {
            tracing::info!("the TLS certificate is the one in use");
            return None;
        }
        Look::Same => return None,
        Look::Exchanged => {
            metrics::counter!("casemate_tls_exchanges_total", "outcome" => "done").increment(1);
            tracing::info!("the TLS certificate was exchanged");
            return None;
        }
        Look::Broken(fingerprint, error) => (fingerprint, error),
    };
    let again = before.filter(|before| before.fingerprint == fingerprint);
    let reported = again.as_ref().is_some_and(|again| again.reported);
    if urgent || (again.is_some() && !reported) {
        metrics::counter!("casemate_tls_exchanges_total", "outcome" => "refused").increment(1);
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the new TLS certificate or its key cannot be used; the one before stays in use"
        );
        return Some(Broken { fingerprint, reported: true });
    }
    Some(Broken { fingerprint, reported })
}
