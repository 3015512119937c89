//! What is kept: checked, held in memory, and written down.

use std::sync::Arc;

use casemate_model::Digest;
use libp2p::request_response::ResponseChannel;
use tokio::sync::{mpsc, oneshot};

use super::{Done, Driver, UNWRITTEN_MAX};
use crate::message::Answer;
use crate::peers::Inner;
use crate::shelf::{Judged, Shelf};
use crate::{KeptProof, Refusal};

/// Proofs that are read at a time when the node starts.
const LOAD_BATCH: u32 = 256;

/// What is to be written down, in the order in which it came to be.
pub(super) enum ToWrite {
    /// A proof is kept, of which somebody hears when it is written.
    Keep(KeptProof, Then),
    /// These are kept no more.
    Drop(Vec<Digest>),
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
            let _ = self.unwritten.try_send(ToWrite::Keep(proof, Then::Nothing));
        }
        true
    }

    /// Keeps in memory what was checked.
    pub(super) fn keep(&mut self, judged: Result<Judged, Refusal>) -> Result<Judged, Refusal> {
        let kept = judged.and_then(|judged| self.shelf().keep(&judged).map(|_| judged));
        let outcome = if kept.is_ok() { "kept" } else { "refused" };
        metrics::counter!("casemate_peer_proofs_total", "outcome" => outcome).increment(1);
        kept
    }

    pub(super) fn write_down(&mut self, judged: &Judged, then: Then) {
        if let Err(error) = self.unwritten.try_send(ToWrite::Keep(judged.kept(self.now()), then))
            && let ToWrite::Keep(_, then) = error.into_inner()
        {
            self.refuse(then, Refusal::NotWritten);
        }
    }

    pub(super) fn refuse(&mut self, then: Then, refusal: Refusal) {
        match then {
            Then::Nothing => tracing::debug!(%refusal, "a proof was refused"),
            Then::Answer(channel) => self.answer(channel, Answer::Refused(refusal.to_string())),
            Then::Reply(reply) => drop(reply.send(Err(refusal))),
        }
    }

    pub(super) fn on_done(&mut self, done: Done) {
        match done {
            Done::Answer(channel, answer) => self.answer(channel, answer),
            Done::Judged(judged, purpose) => self.on_judged(judged, purpose),
        }
    }
}

/// Writes down what is kept, many proofs at once when many wait.
pub(super) async fn write(
    inner: Arc<Inner>,
    mut unwritten: mpsc::Receiver<ToWrite>,
    done: mpsc::Sender<Done>,
) {
    let mut waiting = Vec::new();
    while unwritten.recv_many(&mut waiting, UNWRITTEN_MAX).await > 0 {
        let (mut proofs, mut thens) = (Vec::new(), Vec::new());
        for one in waiting.drain(..) {
            match one {
                ToWrite::Keep(proof, then) => {
                    proofs.push(proof);
                    thens.push(then);
                }
                ToWrite::Drop(places) => {
                    write_proofs(&inner, std::mem::take(&mut proofs), std::mem::take(&mut thens), &done)
                        .await;
                    if let Err(error) = inner.store.drop_proofs(&places).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "proofs that count no more are still written down");
                    }
                }
            }
        }
        write_proofs(&inner, proofs, thens, &done).await;
    }
}

async fn write_proofs(inner: &Inner, proofs: Vec<KeptProof>, thens: Vec<Then>, done: &mpsc::Sender<Done>) {
    if proofs.is_empty() {
        return;
    }
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

/// Brings back what was kept before.
pub(super) async fn load(inner: Arc<Inner>, shelf: &mut Shelf) {
    let mut after = None;
    loop {
        let proofs = match inner.store.proofs(after, LOAD_BATCH).await {
            Ok(proofs) => proofs,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "could not read what peers sent before");
                return;
            }
        };
        let Some(last) = proofs.last() else { return };
        after = Some(last.place);
        let judge = inner.judge.clone();
        let judging = move || {
            let judge = |kept: &KeptProof| judge.judge(Some(kept.place), &kept.proof, kept.received);
            proofs.iter().map(judge).collect::<Vec<_>>()
        };
        let judged = tokio::task::spawn_blocking(judging).await.expect("checking proofs does not panic");
        for judged in judged {
            if let Err(refusal) = judged.and_then(|judged| shelf.keep(&judged)) {
                tracing::debug!(%refusal, "a proof that was kept counts no more");
            }
        }
    }
}
