//! Learning from own nodes what changed in their logs, so that this node knows how old at most its answers are.

use std::time::Duration;

use casemate_model::Timestamp;

use crate::message::{Answer, Request};
use crate::{LogPosition, Peers, PeersError, Refusal};

/// How long is waited for own nodes to be connected, at first.
const FIRST: Duration = Duration::from_millis(500);

/// What came of asking.
enum Followed {
    /// This peer has no such log, or does not answer.
    No,
    /// All of it was seen.
    Complete,
    /// Some of it could not be kept.
    Partly,
}

/// Follows all logs that are known but this node's own, for ever.
pub(crate) async fn follow(peers: &Peers, own_log: &str) {
    let settings = &peers.inner.settings;
    let logs: Vec<_> = settings.registries.all_logs().filter(|log| *log != own_log).collect();
    if settings.own.is_empty() || logs.is_empty() {
        return;
    }
    tokio::time::sleep(FIRST.min(settings.refresh)).await;
    loop {
        for log in &logs {
            if let Err(error) = follow_log(peers, log).await {
                tracing::warn!(
                    log,
                    error = &error as &dyn std::error::Error,
                    "could not learn what own nodes have"
                );
            }
        }
        tokio::time::sleep(settings.refresh).await;
    }
}

async fn follow_log(peers: &Peers, log: &str) -> Result<(), PeersError> {
    for own in &peers.inner.settings.own {
        match follow_at(peers, log, own.peer).await? {
            Followed::No => {}
            Followed::Complete => return Ok(()),
            Followed::Partly => {
                tracing::warn!(log, "not all names of a log can be kept: is there room for them?");
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn follow_at(peers: &Peers, log: &str, peer: libp2p::PeerId) -> Result<Followed, PeersError> {
    let never = LogPosition { next: 0, complete: Timestamp::EPOCH };
    let mut position = peers.inner.store.log_position(log).await?.unwrap_or(never);
    loop {
        // By this node's clock, and before it was asked: what others think of the time does not matter.
        let asked = peers.inner.clock.now();
        let request = Request::Changes { log: log.to_owned(), after: position.next };
        let changes = match peers.tell(peer, request).await? {
            Some(Answer::Changes(changes)) => changes,
            Some(Answer::Refused(reason)) => {
                // As a node does that keeps another log.
                tracing::debug!(log, %peer, %reason, "an own node does not tell of a log");
                return Ok(Followed::No);
            }
            Some(Answer::Kept) | None => return Ok(Followed::No),
        };
        if changes.next < position.next || (changes.more && changes.next == position.next) {
            return Ok(Followed::No);
        }
        for proof in changes.proofs {
            match peers.keep(proof.into_bytes()).await? {
                // What ended long ago, and what was overtaken, need not be kept to know all.
                Ok(()) | Err(Refusal::Older | Refusal::Expired) => {}
                Err(_) => return Ok(Followed::Partly),
            }
        }
        position.next = changes.next;
        if !changes.more {
            position.complete = asked;
        }
        peers.inner.store.set_log_position(log, position).await?;
        if !changes.more {
            return Ok(Followed::Complete);
        }
    }
}
