use std::sync::Arc;

use bytes::Bytes;
use casemate_fs::SealedBytes;
use http::{Request, Response};
use tokio::task::JoinSet;

use crate::process::{Process, ProcessError};
use crate::serving::{Outbound, OutboundError};
use crate::wire::exchange::{FETCHES_AT_ONCE, Fetched, ResponseHead};
use crate::wire::frame::Kind;

/// What a guest's requests to others are up to. All of them end with this value.
#[derive(Default)]
pub(super) struct Fetching(JoinSet<Answered>);

/// A request that is over.
pub(super) struct Answered {
    fetched: Fetched,
    body: Option<SealedBytes>,
}

impl Fetching {
    /// Sends requests; one that is too many at once is refused.
    pub(super) fn start(&mut self, requests: Vec<(u32, Request<Bytes>)>, outbound: &Arc<dyn Outbound>) {
        for (id, request) in requests {
            let free = self.0.len() < FETCHES_AT_ONCE;
            let outbound = Arc::clone(outbound);
            self.0.spawn(async move {
                let answer = if free { outbound.send(request).await } else { Err(OutboundError::TooLarge) };
                Answered::of(id, answer)
            });
        }
    }

    /// Waits for the next answer, for ever if nothing was sent.
    pub(super) async fn next(&mut self) -> Answered {
        match self.0.join_next().await {
            Some(Ok(answered)) => answered,
            // It panicked, or there is none: the guest waits in vain until its deadline.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_empty()
    }
}

impl Answered {
    fn of(id: u32, answer: Result<Response<Bytes>, OutboundError>) -> Self {
        let sealed = answer.and_then(|answer| {
            let body = match answer.body().is_empty() {
                true => None,
                false => Some(SealedBytes::from_bytes(answer.body()).map_err(|_| OutboundError::Broken)?),
            };
            Ok((ResponseHead::of(&answer), body))
        });
        match sealed {
            Ok((head, body)) => {
                let body_bytes = body.as_ref().map_or(0, SealedBytes::len);
                Self { fetched: Fetched { id, answer: Ok(head), body_bytes }, body }
            }
            Err(error) => Self { fetched: Fetched { id, answer: Err(error), body_bytes: 0 }, body: None },
        }
    }

    /// Tells the worker.
    pub(super) async fn send_to(mut self, process: &mut Process) -> Result<(), ProcessError> {
        let body = self.body.take();
        let descriptor = body.as_ref().and_then(SealedBytes::as_fd);
        if body.is_some() && descriptor.is_none() {
            self.fetched = Fetched { answer: Err(OutboundError::Broken), body_bytes: 0, ..self.fetched };
        }
        process.send_json(Kind::Fetched, &self.fetched, descriptor.as_slice()).await
    }
}
