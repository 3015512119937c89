use bytes::Bytes;
use casemate_limits::JsonBudget;
use casemate_model::LimitKind;
use http::Request;
use tokio::sync::mpsc::UnboundedSender;

use crate::conversation::Violation;
use crate::serving::Answer;
use crate::wire::exchange::{FETCH_BYTES_MAX, FETCHES_MAX, Fetch, ResponseHead};
use crate::wire::frame::Kind;

/// The part of a conversation that is HTTP: the guest's answer, and what it asks others for.
pub(crate) struct Exchange {
    answer: UnboundedSender<Answer>,
    status: Option<u16>,
    body: Vec<u8>,
    asked: u32,
    fetches: Vec<(u32, Request<Bytes>)>,
}

impl Exchange {
    pub(crate) fn new(answer: UnboundedSender<Answer>) -> Self {
        Self { answer, status: None, body: Vec::new(), asked: 0, fetches: Vec::new() }
    }

    /// Takes the next frame, whose bytes were counted if they are the answer's.
    pub(crate) fn accept(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Violation> {
        match kind {
            Kind::Head if self.status.is_none() => {
                let head: ResponseHead = read(payload)?;
                let head = head.with_body(()).ok_or(Violation::BadReport)?;
                self.status = Some(head.status().as_u16());
                self.give(Answer::Head(head));
            }
            Kind::Body if self.status.is_some() => self.give(Answer::Body(Bytes::copy_from_slice(payload))),
            Kind::FetchBody if self.body.len() + payload.len() <= FETCH_BYTES_MAX => {
                self.body.extend_from_slice(payload);
            }
            Kind::FetchBody => return Err(Violation::OverLimit(LimitKind::Output)),
            Kind::Fetch if self.asked < FETCHES_MAX => {
                let fetch: Fetch = read(payload)?;
                let body = Bytes::from(std::mem::take(&mut self.body));
                let request = fetch.head.with_body(body).ok_or(Violation::BadReport)?;
                if fetch.id != self.asked {
                    return Err(Violation::BadReport);
                }
                self.asked += 1;
                self.fetches.push((fetch.id, request));
            }
            other => return Err(Violation::OutOfTurn(other)),
        }
        Ok(())
    }

    /// Whoever asked may have gone; then the run is cancelled from outside.
    fn give(&self, piece: Answer) {
        let _ = self.answer.send(piece);
    }

    /// The status of the answer, once there is one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the guest has asked others for since the last time.
    pub(crate) fn take_fetches(&mut self) -> Vec<(u32, Request<Bytes>)> {
        std::mem::take(&mut self.fetches)
    }
}

fn read<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Violation> {
    JsonBudget::STORED.check(payload).map_err(|_| Violation::BadReport)?;
    serde_json::from_slice(payload).map_err(|_| Violation::BadReport)
}
