//! What is kept: checked, held in memory, and written down.

use std::sync::Arc;

use casemate_model::Digest;
use libp2p::request_response::ResponseChannel;
use tokio::sync::{mpsc, oneshot};

use super::{Done, Driver, UNWRITTEN_MAX};
use crate::message::Answer;
use crate::peers::Inner;
use crate::shelf::Judged;
use crate::{KeptProof, Refusal};

/// Proofs that are read at a time when the node starts.
const LOAD_BATCH: u32 = 256;

/// A proof that is to be written down, and who hears of that.
pub(super) struct Unwritten {
    proof: KeptProof,
    then: Then,
}

/// What follows.
pub(super) enum Then {
    Nothing,
    Answer(ResponseChannel<Answer>),
    Reply(oneshot::Sender<Result<(), Refusal>>),
}

impl Driver {
    /// Whether a proof is kept as it is; that it was sent again is written down now and then.
    pub(super) fn sent_again(&mut self, place: Digest, proof: &[u8]) -> bool {
        let Some(is_due) = self.shelf().sent_again(place, proof) else { return false };
        if is_due {
            let proof = KeptProof { place, proof: proof.into(), received: self.now() };
            // If there is no room now, it is written down the next time.
            let _ = self.unwritten.try_send(Unwritten { proof, then: Then::Nothing });
        }
        true
    }

    /// Checks a proof and keeps it in memory.
    pub(super) fn take(&mut self, place: Option<Digest>, proof: &[u8]) -> Result<Judged, Refusal> {
        let now = self.now();
        let shelf = self.shelf();
        let taken = shelf.judge(place, proof, now).and_then(|judged| shelf.keep(&judged).map(|_| judged));
        let outcome = if taken.is_ok() { "kept" } else { "refused" };
        metrics::counter!("casemate_peer_proofs_total", "outcome" => outcome).increment(1);
        taken
    }

    pub(super) fn write_down(&mut self, judged: &Judged, then: Then) {
        let unwritten = Unwritten { proof: judged.kept(self.now()), then };
        if let Err(error) = self.unwritten.try_send(unwritten) {
            match error.into_inner().then {
                Then::Nothing => {}
                Then::Answer(channel) => {
                    self.answer(channel, Answer::Refused(Refusal::NotWritten.to_string()));
                }
                Then::Reply(reply) => drop(reply.send(Err(Refusal::NotWritten))),
            }
        }
    }

    pub(super) fn on_done(&mut self, done: Done) {
        match done {
            Done::Answer(channel, answer) => self.answer(channel, answer),
            Done::Loaded(proofs) => {
                for KeptProof { place, proof, received } in proofs {
                    let shelf = self.shelf();
                    let loaded =
                        shelf.judge(Some(place), &proof, received).and_then(|judged| shelf.keep(&judged));
                    if let Err(refusal) = loaded {
                        tracing::debug!(%place, %refusal, "a proof that was kept counts no more");
                    }
                }
            }
        }
    }
}

/// Writes down what is kept, many proofs at once when many wait.
pub(super) async fn write(
    inner: Arc<Inner>,
    mut unwritten: mpsc::Receiver<Unwritten>,
    done: mpsc::Sender<Done>,
) {
    let mut waiting = Vec::new();
    while unwritten.recv_many(&mut waiting, UNWRITTEN_MAX).await > 0 {
        let (proofs, thens): (Vec<_>, Vec<_>) = waiting.drain(..).map(|one| (one.proof, one.then)).unzip();
        let written = inner.store.keep_proofs(&proofs).await;
        if let Err(error) = &written {
            tracing::warn!(error = error as &dyn std::error::Error, "proofs of peers were not written down");
        }
        let outcome = || if written.is_ok() { Ok(()) } else { Err(Refusal::NotWritten) };
        for then in thens {
            match then {
                Then::Nothing => {}
                Then::Reply(reply) => drop(reply.send(outcome())),
                Then::Answer(channel) => {
                    let answer = match outcome() {
                        Ok(()) => Answer::Kept,
                        Err(refusal) => Answer::Refused(refusal.to_string()),
                    };
                    let _ = done.send(Done::Answer(channel, answer)).await;
                }
            }
        }
    }
}

/// Brings back what was kept before.
pub(super) async fn load(inner: Arc<Inner>, done: mpsc::Sender<Done>) {
    let mut after = None;
    loop {
        match inner.store.proofs(after, LOAD_BATCH).await {
            Ok(proofs) => {
                let Some(last) = proofs.last() else { return };
                after = Some(last.place);
                let _ = done.send(Done::Loaded(proofs)).await;
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not read what peers sent before"
                );
                return;
            }
        }
    }
}
