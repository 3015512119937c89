//! What peers say to this node directly, and what it answers.

use std::sync::Arc;

use casemate_model::StoreError;
use libp2p::PeerId;
use libp2p::request_response::{self, InboundRequestId, ResponseChannel};
use tokio::sync::mpsc;

use super::judging::Purpose;
use super::keeping::Then;
use super::{Done, Driver};
use crate::message::{Answer, CHANGES_BYTES_MAX, Request};
use crate::{LogChanges, Refusal, Source, Standing};

/// Answers to questions about changes, at once.
const ANSWERED_MAX: usize = 4;
/// How many of an own node's changes are looked up at a time.
const CHANGES_BATCH: u32 = 64;

impl Driver {
    pub(super) fn on_direct(
        &mut self,
        event: request_response::Event<Request, Answer>,
        source: &Arc<dyn Source>,
    ) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                if self.may_send(&peer) {
                    self.on_request((peer, request_id), request, channel, source);
                } else {
                    self.answer(channel, Answer::Refused(Refusal::TooOften.to_string()));
                }
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(reply) = self.told.remove(&request_id) {
                    let _ = reply.send(Some(response));
                }
            }
            Event::OutboundFailure { request_id, .. } => {
                if let Some(reply) = self.told.remove(&request_id) {
                    let _ = reply.send(None);
                }
            }
            Event::InboundFailure { request_id, .. } | Event::ResponseSent { request_id, .. } => {
                self.answering.remove(&request_id);
            }
        }
    }

    fn on_request(
        &mut self,
        (peer, id): (PeerId, InboundRequestId),
        request: Request,
        channel: ResponseChannel<Answer>,
        source: &Arc<dyn Source>,
    ) {
        match request {
            Request::Put(proof) if self.may_judge(&peer) => {
                self.judge(None, proof, Purpose::Keep(Then::Answer(channel)));
            }
            Request::Put(_) => self.answer(channel, Answer::Refused(Refusal::TooOften.to_string())),
            // Only own nodes get all names in a row.
            Request::Changes { log, after }
                if self.standing(&peer) == Standing::Own
                    && log == source.log()
                    && self.answering.len() < ANSWERED_MAX =>
            {
                self.answering.insert(id);
                tokio::spawn(look_up(Arc::clone(source), after, channel, self.done.0.clone()));
            }
            Request::Changes { .. } => {
                self.answer(channel, Answer::Refused("this is not told here".to_owned()));
            }
        }
    }

    pub(super) fn answer(&mut self, channel: ResponseChannel<Answer>, answer: Answer) {
        // Whoever asked may be gone.
        let _ = self.swarm.behaviour_mut().direct.send_response(channel, answer);
    }
}

/// Looks up changes for an own node.
async fn look_up(
    source: Arc<dyn Source>,
    after: u64,
    channel: ResponseChannel<Answer>,
    done: mpsc::Sender<Done>,
) {
    let answer = changes(&*source, after).await.map_or_else(
        |error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "could not tell an own node of changes");
            Answer::Refused("this node cannot say so now".to_owned())
        },
        Answer::Changes,
    );
    let _ = done.send(Done::Answer(channel, answer)).await;
}

/// As many changes as one answer holds. One always fits: an answer has room for ten of the largest.
async fn changes(source: &dyn Source, after: u64) -> Result<LogChanges, StoreError> {
    let mut batch = CHANGES_BATCH;
    loop {
        let changes = source.changes(after, batch).await?;
        let bytes: usize = changes.proofs.iter().map(|proof| proof.len() + 4).sum();
        if bytes <= CHANGES_BYTES_MAX || batch == 1 {
            return Ok(changes);
        }
        batch /= 2;
    }
}
