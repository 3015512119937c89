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
    pub(super) place: Digest,
    reply: oneshot::Sender<Result<Option<Found>, PeersError>>,
    pub(super) best: Option<Judged>,
    good: usize,
    bad: usize,
    /// Copies that are being checked.
    judging: usize,
    /// Whether no more copies come.
    pub(super) is_last: bool,
    /// When it ends, if something was found.
    pub(super) deadline: Option<Instant>,
}

impl Search {
    pub(super) fn new(place: Digest, reply: oneshot::Sender<Result<Option<Found>, PeersError>>) -> Self {
        Self { place, reply, best: None, good: 0, bad: 0, judging: 0, is_last: false, deadline: None }
    }

    /// Takes a copy. Says whether it has to be checked.
    pub(super) fn wants(&mut self, proof: &[u8]) -> bool {
        if self.good + self.bad + self.judging >= COPIES_MAX {
            return false;
        }
        if self.best.as_ref().is_some_and(|best| *best.proof == *proof) {
            self.good += 1;
            return false;
        }
        self.judging += 1;
        true
    }

    /// Whether all copies that come are there, and checked.
    pub(super) fn is_over(&self) -> bool {
        self.is_last && self.judging == 0
    }

    /// Takes a copy that was checked.
    pub(super) fn add(&mut self, judged: Result<Judged, Refusal>) {
        self.judging -= 1;
        match judged {
            Ok(judged) => {
                self.good += 1;
                self.deadline.get_or_insert_with(|| Instant::now() + GRACE);
                if self.best.as_ref().is_none_or(|best| best.version < judged.version) {
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
