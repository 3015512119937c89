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
pub(super) struct Fetching {
    under_way: JoinSet<Answered>,
    /// Bytes that answers may still have: a guest may keep them all, in memory that is none of its own.
    bytes_left: u64,
}

/// A request that is over.
pub(super) struct Answered {
    fetched: Fetched,
    body: Option<SealedBytes>,
}

impl Fetching {
    /// For a guest to which others may answer so many bytes altogether.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { under_way: JoinSet::new(), bytes_left: bytes_max }
    }

    /// Sends requests; one that is too many at once is refused.
    pub(super) fn start(&mut self, requests: Vec<(u32, Request<Bytes>)>, outbound: &Arc<dyn Outbound>) {
        for (id, request) in requests {
            let free = self.under_way.len() < FETCHES_AT_ONCE;
            let outbound = Arc::clone(outbound);
            self.under_way.spawn(async move {
                let answer = if free { outbound.send(request).await } else { Err(OutboundError::TooLarge) };
                Answered::of(id, answer)
            });
        }
    }

    /// Waits for the next answer, for ever if nothing was sent.
    pub(super) async fn next(&mut self) -> Answered {
        match self.under_way.join_next().await {
            Some(Ok(answered)) => answered.within(&mut self.bytes_left),
            // It panicked, or there is none: the guest waits in vain until its deadline.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
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

    /// The answer, or that it is too large, if there are fewer bytes left for it.
    fn within(self, bytes_left: &mut u64) -> Self {
        match bytes_left.checked_sub(self.fetched.body_bytes) {
            Some(left) => {
                *bytes_left = left;
                self
            }
            None => Self::of(self.fetched.id, Err(OutboundError::TooLarge)),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers everything with six bytes.
    struct Six;

    #[async_trait::async_trait]
    impl Outbound for Six {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
            Ok(Response::new(Bytes::from_static(b"secret")))
        }
    }

    #[tokio::test]
    async fn others_do_not_fill_the_node_through_a_guest() {
        let mut fetching = Fetching::new(13);
        let outbound: Arc<dyn Outbound> = Arc::new(Six);
        let mut sizes = Vec::new();
        for id in 0..3 {
            fetching.start(vec![(id, Request::new(Bytes::new()))], &outbound);
            let answered = fetching.next().await;
            sizes.push((answered.fetched.body_bytes, answered.fetched.answer.is_ok()));
        }
        assert_eq!(sizes, [(6, true), (6, true), (0, false)]);
    }
}
