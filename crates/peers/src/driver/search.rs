//! A search for a name: every copy that peers have is checked, and the newest is taken.

use std::time::Duration;

use casemate_ledger::NameBundle;
use casemate_model::Digest;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::peers::How;
use crate::shelf::Judged;
use crate::{Found, PeersError, Refusal};

/// How long others have to come with a newer copy, once there is a good one.
const GRACE: Duration = Duration::from_millis(200);

/// Copies that are looked at.
const COPIES_MAX: usize = 32;

pub(super) struct Search {
    place: Digest,
    reply: oneshot::Sender<Result<Option<Found>, PeersError>>,
    pub(super) best: Option<Judged>,
    good: usize,
    bad: usize,
    /// When it ends, if something was found.
    pub(super) deadline: Option<Instant>,
}

impl Search {
    pub(super) fn new(place: Digest, reply: oneshot::Sender<Result<Option<Found>, PeersError>>) -> Self {
        Self { place, reply, best: None, good: 0, bad: 0, deadline: None }
    }

    /// Takes a copy; `judge` checks it.
    pub(super) fn add(
        &mut self,
        proof: Vec<u8>,
        judge: impl FnOnce(Option<Digest>, &[u8]) -> Result<Judged, Refusal>,
    ) {
        if self.good + self.bad >= COPIES_MAX {
            return;
        }
        let best = self.best.as_ref();
        if best.is_some_and(|best| *best.proof == *proof) {
            self.good += 1;
            return;
        }
        match judge(Some(self.place), &proof) {
            Ok(judged) => {
                self.good += 1;
                self.deadline.get_or_insert_with(|| Instant::now() + GRACE);
                if best.is_none_or(|best| best.version < judged.version) {
                    self.best = Some(judged);
                }
            }
            Err(refusal) => {
                self.bad += 1;
                tracing::debug!(%refusal, "a peer had a proof that does not hold");
            }
        }
    }

    /// Tells whoever waits.
    pub(super) fn end(self) {
        let counted = (self.good, self.bad);
        let found = self.best.and_then(|best| found(&best.proof, counted, How::Offline));
        let _ = self.reply.send(Ok(found));
    }
}

/// A proof that was checked before, as it is told.
pub(super) fn found(proof: &[u8], (copies, refused): (usize, usize), how: How) -> Option<Found> {
    let proof = NameBundle::parse(proof).ok()?;
    let (entered, _) = proof.verify().ok()?;
    Some(Found { proof, entered, how, copies, refused })
}
