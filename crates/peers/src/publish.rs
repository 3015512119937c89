//! Telling others of this node's names.

use std::time::Duration;

use casemate_ledger::NameBundle;
use casemate_model::{Digest, Entropy, Name, StoreError};
use futures_util::stream::{self, StreamExt as _};

use crate::message::{Answer, Request};
use crate::{LogPosition, Peers, PeersError, Source, place};

/// Proofs that are made, and sent, at a time.
const BATCH: u32 = 64;
const AT_ONCE: usize = 16;

/// How long is waited after something failed, and between looks for changes.
const PAUSE: Duration = Duration::from_secs(1);

/// Under this name stands up to where this node's own log was published.
fn published(log: &str) -> String {
    format!("published {log}")
}

/// Tells of what changes, for ever. What was not said before the node stopped is said when it is back.
pub(crate) async fn publish_changes(peers: &Peers, source: &dyn Source) {
    let log = source.log();
    loop {
        let next = match publish_some(peers, source, &log).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "peers were not told of changes");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        source.wait_for(next).await;
        tokio::time::sleep(PAUSE / 10).await;
    }
}

/// Tells of all changes so far, and says up to where those are.
async fn publish_some(peers: &Peers, source: &dyn Source, log: &str) -> Result<u64, PeersError> {
    let store = &peers.inner.store;
    let mut next = store.log_position(&published(log)).await?.map_or(0, |position| position.next);
    let mut connected = peers.inner.connected.subscribe();
    loop {
        // What is said to nobody would not be said again for long.
        let _ = connected.wait_for(|peers| *peers > 0).await;
        let changes = source.changes(next, BATCH).await?;
        spread_all(peers, changes.proofs).await;
        let now = peers.inner.clock.now();
        if changes.next > next {
            next = changes.next;
            // What the log has was looked at up to here, so nobody knows this registry better than this node.
            store.set_log_position(&published(log), LogPosition { next, complete: now }).await?;
        }
        if !changes.more {
            return Ok(next);
        }
    }
}

/// Says all names again, before others forget them.
pub(crate) async fn publish_again(peers: &Peers, source: &dyn Source, entropy: &dyn Entropy) {
    loop {
        // A tenth more or less, so that nodes that began together do not go on together.
        let mut byte = [0];
        entropy.fill(&mut byte);
        let tenths = 0.9 + 0.2 * f64::from(byte[0]) / 255.0;
        tokio::time::sleep(peers.inner.settings.republish.mul_f64(tenths)).await;
        if let Err(error) = publish_held(peers, source).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "names were not said again to peers");
        }
    }
}

async fn publish_held(peers: &Peers, source: &dyn Source) -> Result<(), StoreError> {
    let mut after: Option<Name> = None;
    loop {
        let (proofs, last) = source.held(after.as_ref(), BATCH).await?;
        spread_all(peers, proofs).await;
        if last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

async fn spread_all(peers: &Peers, proofs: Vec<String>) {
    stream::iter(proofs).for_each_concurrent(AT_ONCE, |proof| spread(peers, proof)).await;
}

/// Gives a proof to own nodes, each of which says whether it has it, and to the nodes nearest to its place.
async fn spread(peers: &Peers, proof: String) {
    let bytes = proof.into_bytes();
    let Some(place) = place_of(&bytes) else { return };
    let own = peers.inner.settings.own.iter().map(|own| async {
        match peers.tell(own.peer, Request::Put(bytes.clone())).await {
            Ok(Some(Answer::Kept)) => true,
            Ok(Some(Answer::Refused(reason))) => {
                tracing::warn!(peer = %own.peer, %reason, "an own node does not keep a name");
                false
            }
            // It asks for what it missed when it is back.
            Ok(Some(Answer::Changes(_)) | None) | Err(_) => false,
        }
    });
    let (kept, spread) =
        tokio::join!(futures_util::future::join_all(own), peers.spread(place, bytes.clone()));
    let kept = kept.into_iter().filter(|kept| *kept).count() + spread.unwrap_or(0);
    metrics::counter!("casemate_peer_published_total", "told" => if kept > 0 { "yes" } else { "no" })
        .increment(1);
}

/// Where a proof belongs.
fn place_of(proof: &[u8]) -> Option<Digest> {
    let bundle = NameBundle::parse(proof).ok()?;
    let record = bundle.signed().record();
    Some(place(record.registry, &record.name))
}
