use std::time::Duration;

use casemate_model::{Outcome, Timestamp};

use crate::{Lease, RetryPolicy, TaskState};

/// The part of a task that changes while it is worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where the task stands.
    pub state: TaskState,
    /// Attempts begun.
    pub attempt: u32,
    /// Grows with every lease, so that the holder of an old one cannot write.
    pub fence: u64,
    /// Who works on it; only in `Leased` and `Running`.
    pub lease: Option<Lease>,
    /// When it may be leased next; only in `Queued` and `RetryWait`.
    pub due: Timestamp,
    /// When the task is over, whatever it is doing.
    pub deadline: Timestamp,
    /// Whether somebody asked to cancel it while it was being worked on.
    pub cancel_requested: bool,
}

/// What can happen to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A worker takes it.
    Take(Lease),
    /// The holder of `fence` starts the guest.
    Start {
        /// The lease's fencing token.
        fence: u64,
    },
    /// The holder of `fence` is still there.
    Extend {
        /// The lease's fencing token.
        fence: u64,
        /// Until when the lease now holds.
        until: Timestamp,
    },
    /// The holder of `fence` reports how the run ended.
    End {
        /// The lease's fencing token.
        fence: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// The holder of `fence` gives it up unharmed, because its node stops; the attempt does not count.
    HandBack {
        /// The lease's fencing token.
        fence: u64,
    },
    /// All that it needed has succeeded.
    Release {
        /// When it may be taken.
        due: Timestamp,
        /// When it is over.
        deadline: Timestamp,
    },
    /// Something that it needed has not succeeded.
    GiveUp,
    /// Its replicas have come to an end.
    Settle(TaskState),
    /// Somebody asks to cancel it.
    Cancel,
    /// Time passes: leases and deadlines end.
    Tick,
}

/// Why a step was refused. The task is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The task is over.
    #[error("the task is over")]
    Over,
    /// The fencing token is not the present lease's.
    #[error("the lease was lost")]
    LeaseLost,
    /// The task is not due or is taken.
    #[error("the task cannot be taken now")]
    NotAvailable,
}

/// How long after its deadline a task may still be held, so that its worker can report what was used. No lease goes
/// on after that, whatever its holder is doing.
pub const REPORT_GRACE: Duration = Duration::from_secs(30);

impl Progress {
    /// A task that was just accepted, and may be taken from `due` on.
    pub fn queued(due: Timestamp, deadline: Timestamp) -> Self {
        Self {
            state: TaskState::Queued,
            attempt: 0,
            fence: 0,
            lease: None,
            due,
            deadline,
            cancel_requested: false,
        }
    }

    /// Applies `step` at `now`, or says why it does not apply.
    pub fn step(&self, step: &Step, now: Timestamp, policy: &RetryPolicy) -> Result<Self, Refusal> {
        if self.state.is_final() {
            return Err(Refusal::Over);
        }
        match step {
            Step::Take(lease) => self.take(*lease, now),
            Step::Start { fence } => {
                self.held_by(*fence)?;
                Ok(Self { state: TaskState::Running, ..self.clone() })
            }
            Step::Extend { fence, until } => {
                let lease = self.held_by(*fence)?;
                let until = (*until).min(self.deadline.saturating_add(REPORT_GRACE));
                Ok(Self { lease: Some(Lease { until, ..lease }), ..self.clone() })
            }
            Step::End { fence, outcome } => {
                self.held_by(*fence)?;
                Ok(match TaskState::after(outcome) {
                    Some(state) => {
                        self.another_attempt(policy, outcome, now).unwrap_or_else(|| self.ended(state))
                    }
                    None => self.failed_by_node(now, policy),
                })
            }
            Step::HandBack { fence } => {
                self.held_by(*fence)?;
                Ok(self.handed_back(now))
            }
            // Only what was never taken waits for others.
            Step::Release { .. } | Step::GiveUp | Step::Settle(_)
                if self.state != TaskState::Queued || self.attempt > 0 =>
            {
                Err(Refusal::NotAvailable)
            }
            Step::Release { due, deadline } => Ok(Self { due: *due, deadline: *deadline, ..self.clone() }),
            Step::GiveUp => Ok(self.ended(TaskState::Cancelled)),
            Step::Settle(state) => Ok(self.ended(*state)),
            Step::Cancel if self.lease.is_some() => Ok(Self { cancel_requested: true, ..self.clone() }),
            Step::Cancel => Ok(self.ended(TaskState::Cancelled)),
            Step::Tick => Ok(self.tick(now, policy)),
        }
    }

    fn take(&self, lease: Lease, now: Timestamp) -> Result<Self, Refusal> {
        let waits = matches!(self.state, TaskState::Queued | TaskState::RetryWait);
        if !waits || self.due > now || self.deadline <= now {
            return Err(Refusal::NotAvailable);
        }
        Ok(Self {
            state: TaskState::Leased,
            attempt: self.attempt + 1,
            fence: self.fence + 1,
            lease: Some(lease),
            ..self.clone()
        })
    }

    fn tick(&self, now: Timestamp, policy: &RetryPolicy) -> Self {
        match self.lease {
            // The worker itself ends a run at its deadline; here only the lease counts, so that the worker's report,
            // which says what was used, is not refused for being a moment late.
            Some(lease) if lease.until > now => self.clone(),
            Some(_) if self.cancel_requested => self.ended(TaskState::Cancelled),
            Some(_) if self.deadline <= now => self.ended(TaskState::TimedOut),
            // It waited for its lease to end, which is long enough.
            Some(_) => Self { due: now, ..self.failed_by_node(now, policy) },
            None if self.deadline <= now => self.ended(TaskState::TimedOut),
            None => self.clone(),
        }
    }

    fn failed_by_node(&self, now: Timestamp, policy: &RetryPolicy) -> Self {
        if self.cancel_requested {
            return self.ended(TaskState::Cancelled);
        }
        if self.attempt >= policy.attempts_max {
            return self.ended(TaskState::Dead);
        }
        self.waiting(now, policy)
    }

    /// What becomes of a guest that failed and is to be attempted again; `None` if it is not.
    fn another_attempt(&self, policy: &RetryPolicy, outcome: &Outcome, now: Timestamp) -> Option<Self> {
        let again = policy.retries(outcome) && self.attempt < policy.attempts_max && !self.cancel_requested;
        again.then(|| self.waiting(now, policy))
    }

    fn waiting(&self, now: Timestamp, policy: &RetryPolicy) -> Self {
        let due = now.saturating_add(policy.wait_after(self.attempt));
        Self { state: TaskState::RetryWait, lease: None, due, ..self.clone() }
    }

    fn handed_back(&self, now: Timestamp) -> Self {
        if self.cancel_requested {
            return self.ended(TaskState::Cancelled);
        }
        Self { state: TaskState::Queued, attempt: self.attempt - 1, lease: None, due: now, ..self.clone() }
    }

    fn ended(&self, state: TaskState) -> Self {
        Self { state, lease: None, ..self.clone() }
    }

    fn held_by(&self, fence: u64) -> Result<Lease, Refusal> {
        self.lease.filter(|_| self.fence == fence).ok_or(Refusal::LeaseLost)
    }
}

#[cfg(test)]
mod tests;
