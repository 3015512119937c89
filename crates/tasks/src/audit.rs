use casemate_model::{NodeLabels, TaskId, Timestamp};

use crate::{Plan, Progress, TaskRecord, TaskSpec, Vote};

/// How often results of nodes are looked at by running them again, of which the node learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPolicy {
    /// Of a node that has often been confirmed, so many of a hundred results. 0 for no audits at all.
    pub percent: u8,
}

/// What is known of a result by running it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Others came to the same.
    Confirmed,
    /// Others came to something else, and the task was submitted once more.
    Refuted,
    /// Nobody looked at it, but its node was found wrong in something else; the task was submitted once more.
    Void,
}

/// A node whose results have been confirmed so often is audited half as often as a new one.
const CONFIRMED_HALF: u64 = 5;

impl AuditPolicy {
    /// The chance, in thousandths, that a result is audited of a node of which `confirmed` were confirmed: 5 / (5 + confirmed),
    /// so certain for the first, and no less than the percentage.
    pub fn chance_per_mille(self, confirmed: u64) -> u64 {
        if self.percent == 0 {
            return 0;
        }
        let new = 1_000 * CONFIRMED_HALF / CONFIRMED_HALF.saturating_add(confirmed);
        new.max(10 * u64::from(self.percent)).min(1_000)
    }

    /// Whether a result is audited, by a random number that the node cannot know.
    pub fn chooses(self, confirmed: u64, random: u64) -> bool {
        let mille = (u128::from(random) * 1_000) >> 64;
        mille < u128::from(self.chance_per_mille(confirmed))
    }
}

impl TaskRecord {
    /// Whether running it again would have to give the same: it is over, a node that has joined ran it by itself under the
    /// deterministic profile, and what came of it was neither the node's doing nor time's.
    pub fn can_be_audited(&self) -> bool {
        let result = self.result.as_ref().filter(|result| result.ran_on.is_some() && result.review.is_none());
        let by_itself = self.spec.quorum.is_none() && self.spec.replica_of.is_none();
        self.progress.state.is_final()
            && self.spec.deterministic
            && by_itself
            && result.is_some_and(|result| Vote::of(result).is_some())
    }

    /// The task that runs it again to see what comes of it.
    pub fn audit(&self, purpose: &str, now: Timestamp) -> Self {
        let spec = TaskSpec {
            replica_of: Some(self.id),
            // Anywhere: where it ran says nothing of what comes of it, and may be all one owner's.
            plan: Plan {
                key: None,
                not_before: None,
                labels: NodeLabels::default(),
                ..self.spec.plan.clone()
            },
            needs: Vec::new(),
            awaited: Vec::new(),
            ..self.spec.clone()
        };
        self.anew(spec, purpose, now)
    }

    /// The task that does once more what this one was to do, because its result is not believed.
    pub fn once_more(&self, now: Timestamp) -> Self {
        let spec = TaskSpec {
            repeats: Some(self.id),
            plan: Plan { key: None, not_before: None, ..self.spec.plan.clone() },
            needs: Vec::new(),
            awaited: Vec::new(),
            ..self.spec.clone()
        };
        self.anew(spec, "once more", now)
    }

    fn anew(&self, spec: TaskSpec, purpose: &str, now: Timestamp) -> Self {
        let id: TaskId = self.id.derived(purpose, now);
        let mut task = Self { id, spec, created: now, updated: now, result: None, ..self.clone() };
        let (due, deadline) = task.schedule(now);
        task.progress = Progress::queued(due, deadline);
        task
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_nodes_are_audited_often_and_none_is_ever_sure_to_be_left_alone() {
        let policy = AuditPolicy { percent: 5 };
        let chances = [0, 5, 45, 95, 1_000_000, u64::MAX].map(|confirmed| policy.chance_per_mille(confirmed));
        assert_eq!(chances, [1_000, 500, 100, 50, 50, 50]);
        assert_eq!(AuditPolicy { percent: 100 }.chance_per_mille(u64::MAX), 1_000);
        assert_eq!(AuditPolicy { percent: 0 }.chance_per_mille(0), 0);
        assert!(policy.chooses(0, u64::MAX), "the first is always audited");
        assert!(!AuditPolicy { percent: 0 }.chooses(0, 0));
    }

    #[test]
    fn a_liar_is_caught_as_often_as_the_documentation_says() {
        // 1 - (1 - p)^n for the share of nodes that are caught within n lies, by a generator that is even enough for that.
        let (policy, nodes, lies, confirmed) = (AuditPolicy { percent: 5 }, 20_000_u64, 20, 1_000);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let caught = (0..nodes).filter(|_| (0..lies).any(|_| policy.chooses(confirmed, random()))).count();
        let (share, expected) = (caught as f64 / nodes as f64, 1.0 - 0.95_f64.powi(lies));
        assert!((share - expected).abs() < 0.01, "{share} of {expected}");
    }
}
