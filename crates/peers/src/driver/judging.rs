//! Checking what came, beside the task that has the network in hand.

use std::sync::Arc;

use casemate_model::Digest;
use libp2p::PeerId;
use libp2p::kad::{QueryId, Record};
use tokio::sync::{Semaphore, oneshot};

use super::keeping::Then;
use super::{Done, Driver};
use crate::shelf::Judged;
use crate::{Refusal, Standing};

/// Proofs that strangers sent and that are not checked yet; own nodes and this one have no such bound, as each of them waits.
const UNJUDGED_MAX: usize = 64;

/// What is checked now.
pub(super) struct Judging {
    /// As many as can be computed at once.
    slots: Arc<Semaphore>,
    waiting: usize,
}

/// What a proof is checked for.
pub(super) enum Purpose {
    /// To be kept.
    Keep(Then),
    /// To be kept and given to others; how many have it is told.
    Spread(oneshot::Sender<usize>),
    /// It was found by this search.
    Copy(QueryId),
}

impl Judging {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { slots: Arc::new(Semaphore::new(cores)), waiting: 0 }
    }
}

impl Driver {
    /// Whether there is room to check what a peer sent.
    pub(super) fn may_judge(&self, peer: &PeerId) -> bool {
        self.judging.waiting < UNJUDGED_MAX || self.standing(peer) == Standing::Own
    }

    /// Has a proof checked; what comes of it comes as [`Done::Judged`].
    pub(super) fn judge(&mut self, place: Option<Digest>, proof: Vec<u8>, purpose: Purpose) {
        self.judging.waiting += 1;
        let (judge, received) = (self.inner.judge.clone(), self.now());
        let (slots, done) = (Arc::clone(&self.judging.slots), self.done.0.clone());
        tokio::spawn(async move {
            let _slot = slots.acquire().await;
            let judged = tokio::task::spawn_blocking(move || judge.judge(place, &proof, received)).await;
            let judged = judged.expect("checking a proof does not panic");
            let _ = done.send(Done::Judged(judged, purpose)).await;
        });
    }

    pub(super) fn on_judged(&mut self, judged: Result<Judged, Refusal>, purpose: Purpose) {
        self.judging.waiting -= 1;
        match purpose {
            Purpose::Keep(then) => match self.keep(judged) {
                Ok(judged) => self.write_down(&judged, then),
                Err(refusal) => self.refuse(then, refusal),
            },
            Purpose::Spread(reply) => {
                if let Ok(judged) = self.keep(judged) {
                    self.write_down(&judged, Then::Nothing);
                    let record = Record::new(judged.place.as_bytes().to_vec(), judged.proof.to_vec());
                    self.spread(record, reply);
                }
            }
            Purpose::Copy(id) => {
                if let Some(search) = self.searches.get_mut(&id) {
                    search.add(judged);
                    self.end_if_over(id);
                }
            }
        }
    }
}
