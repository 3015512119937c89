use async_trait::async_trait;
use casemate_model::StoreError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::change::{Change, Tx};
use crate::failure::Failure;

/// A change in the queue, whatever it answers.
pub(super) type Item = Box<dyn Queued>;

/// What the writer needs to know of a change and its caller.
#[async_trait]
pub(super) trait Queued: Send {
    /// What the change does, for messages.
    fn action(&self) -> &'static str;

    /// Since when the caller waits.
    fn since(&self) -> Instant;

    /// From when on the change is not begun any more.
    fn deadline(&self) -> Instant;

    /// Makes the change and keeps its answer.
    async fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure>;

    /// Gives the caller the answer, which is durable now.
    fn accept(self: Box<Self>);

    /// Gives the caller an error.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// A change with its caller.
pub(super) struct Pending<C: Change> {
    change: C,
    since: Instant,
    deadline: Instant,
    answer: Option<C::Answer>,
    caller: oneshot::Sender<Result<C::Answer, StoreError>>,
}

impl<C: Change> Pending<C> {
    pub(super) fn new(
        change: C,
        since: Instant,
        deadline: Instant,
    ) -> (Self, oneshot::Receiver<Result<C::Answer, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        (Self { change, since, deadline, answer: None, caller }, answer)
    }
}

#[async_trait]
impl<C: Change> Queued for Pending<C> {
    fn action(&self) -> &'static str {
        C::ACTION
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    async fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        self.answer = Some(self.change.apply(tx).await?);
        Ok(())
    }

    // A caller that is gone is no reason to leave its change undone: somebody who hangs up at the right moment must
    // not be able to keep a refusal out of the audit log. So nobody looks if it is still there, here or earlier.

    fn accept(self: Box<Self>) {
        let answer = self.answer.expect("only what was applied is accepted");
        let _ = self.caller.send(Ok(answer));
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.caller.send(Err(error));
    }
}
