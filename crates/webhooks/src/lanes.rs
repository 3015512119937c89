//! How much is sent to whom at once. One receiver that hangs takes its own places and nobody else's.

use std::collections::HashMap;
use std::time::Duration;

use casemate_limits::{Breaker, BreakerSettings, Pass};
use casemate_model::{Project, Timestamp, WebhookId};

/// Attempts of one webhook at once.
const WEBHOOK_PLACES: usize = 4;

/// Attempts of all webhooks of a project at once.
const PROJECT_PLACES: usize = 8;

/// Attempts of a node at once.
const NODE_PLACES: usize = 64;

/// A receiver that fails five times within a minute is asked once in a while, until it works again.
const BREAKER: BreakerSettings = BreakerSettings {
    failures_max: 5,
    window: Duration::from_secs(60),
    open_for: Duration::from_secs(5),
    open_max: Duration::from_secs(5 * 60),
    probe_for: Duration::from_secs(30),
};

/// The lanes of a node, one for each webhook that something is under way for or that has failed lately.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: HashMap<WebhookId, Inside>,
    of_projects: HashMap<Project, usize>,
    taken: usize,
    /// With how many lanes those that nobody needs are looked for again, so that the work is shared by as many entries.
    tidy_at: usize,
}

#[derive(Debug)]
struct Inside {
    breaker: Breaker,
    taken: usize,
    /// Until when the receiver wants nothing.
    hold: Option<Timestamp>,
    touched: Timestamp,
}

/// A place for one attempt, to be given back with its outcome.
#[derive(Debug)]
#[must_use = "a place that is not given back is lost"]
pub struct Lane {
    webhook: WebhookId,
    project: Project,
    pass: Pass,
}

/// With fewer lanes none is forgotten. There are more only while so many webhooks have something under way, or had so
/// lately.
const LANES_KEPT: usize = 10_000;

impl Lanes {
    /// Takes as many places as there are for a webhook now: none while its receiver fails or wants nothing.
    pub fn enter(&mut self, webhook: WebhookId, project: &Project, now: Timestamp) -> Vec<Lane> {
        self.forget(now);
        let of_project = self.of_projects.get(project).copied().unwrap_or(0);
        let inside = self.lanes.entry(webhook).or_insert_with(|| Inside {
            breaker: Breaker::new(BREAKER),
            taken: 0,
            hold: None,
            touched: now,
        });
        inside.touched = now;
        if inside.hold.is_some_and(|hold| now < hold) {
            return Vec::new();
        }
        let free =
            (WEBHOOK_PLACES - inside.taken).min(PROJECT_PLACES - of_project).min(NODE_PLACES - self.taken);
        let passes = std::iter::repeat_with(|| inside.breaker.admit(now)).map_while(|pass| pass);
        let lane = |pass| Lane { webhook, project: project.clone(), pass };
        let lanes: Vec<Lane> = passes.take(free).map(lane).collect();
        inside.taken += lanes.len();
        self.taken += lanes.len();
        *self.of_projects.entry(project.clone()).or_default() += lanes.len();
        lanes
    }

    /// Gives a place back. `outcome` is whether the receiver took what was sent; `None` if nothing was.
    pub fn leave(&mut self, lane: Lane, outcome: Option<bool>, hold: Option<Timestamp>, now: Timestamp) {
        let Lane { webhook, project, pass } = lane;
        self.taken -= 1;
        if let Some(taken) = self.of_projects.get_mut(&project) {
            *taken -= 1;
            if *taken == 0 {
                self.of_projects.remove(&project);
            }
        }
        let Some(inside) = self.lanes.get_mut(&webhook) else { return };
        inside.taken -= 1;
        inside.hold = hold.or(inside.hold);
        if let Some(succeeded) = outcome {
            inside.breaker.report(pass, succeeded, now);
        }
    }

    /// Lets a webhook begin anew, because somebody changed or resumed it.
    pub fn reset(&mut self, webhook: WebhookId) {
        if let Some(inside) = self.lanes.get_mut(&webhook) {
            (inside.breaker, inside.hold) = (Breaker::new(BREAKER), None);
        }
    }

    /// Attempts under way.
    pub fn taken(&self) -> usize {
        self.taken
    }

    fn forget(&mut self, now: Timestamp) {
        if self.lanes.len() < self.tidy_at.max(LANES_KEPT) {
            return;
        }
        let idle = BREAKER.open_max.saturating_mul(2);
        self.lanes.retain(|_, inside| {
            inside.taken > 0
                || now.saturating_since(inside.touched) < idle
                || inside.hold.is_some_and(|hold| now < hold)
        });
        self.tidy_at = 2 * self.lanes.len();
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).unwrap()
    }

    fn ids(count: usize) -> Vec<WebhookId> {
        let entropy = CountingEntropy::default();
        std::iter::repeat_with(|| WebhookId::generate(at(0), &entropy)).take(count).collect()
    }

    #[test]
    fn one_webhook_and_one_project_take_their_part_and_no_more() {
        let (mut lanes, ids) = (Lanes::default(), ids(40));
        let (one, other): (Project, Project) = ("one".parse().unwrap(), "other".parse().unwrap());
        let first = lanes.enter(ids[0], &one, at(0));
        assert_eq!(first.len(), WEBHOOK_PLACES);
        assert!(lanes.enter(ids[0], &one, at(0)).is_empty());
        assert_eq!(lanes.enter(ids[1], &one, at(0)).len(), PROJECT_PLACES - WEBHOOK_PLACES);
        assert!(lanes.enter(ids[2], &one, at(0)).is_empty(), "the project has its part");
        assert_eq!(lanes.enter(ids[3], &other, at(0)).len(), WEBHOOK_PLACES, "and others theirs");
        for lane in first {
            lanes.leave(lane, Some(true), None, at(1));
        }
        assert_eq!(lanes.enter(ids[2], &one, at(1)).len(), WEBHOOK_PLACES);
        let mut taken = lanes.taken();
        for number in 0..30 {
            let project: Project = format!("p{number}").parse().unwrap();
            taken += lanes.enter(ids[4 + number], &project, at(1)).len();
        }
        assert_eq!((taken, lanes.taken()), (NODE_PLACES, NODE_PLACES));
    }

    #[test]
    fn a_receiver_that_fails_is_probed_one_at_a_time() {
        let (mut lanes, id, project) = (Lanes::default(), ids(1)[0], Project::default_project());
        let fail = |lanes: &mut Lanes, seconds| {
            let entered = lanes.enter(id, &project, at(seconds));
            let count = entered.len();
            for lane in entered {
                lanes.leave(lane, Some(false), None, at(seconds));
            }
            count
        };
        assert_eq!([fail(&mut lanes, 0), fail(&mut lanes, 1)], [4, 4]);
        assert_eq!(fail(&mut lanes, 2), 0, "open");
        assert_eq!(fail(&mut lanes, 6), 1, "a probe");
        assert_eq!(fail(&mut lanes, 12), 0, "twice as long");
        lanes.reset(id);
        assert_eq!(fail(&mut lanes, 12), 4, "somebody says that it works again");
    }

    #[test]
    fn a_receiver_that_asks_for_peace_has_it() {
        let (mut lanes, id, project) = (Lanes::default(), ids(1)[0], Project::default_project());
        let entered = lanes.enter(id, &project, at(0));
        for lane in entered {
            lanes.leave(lane, None, Some(at(100)), at(0));
        }
        assert!(lanes.enter(id, &project, at(99)).is_empty());
        assert_eq!(lanes.enter(id, &project, at(100)).len(), WEBHOOK_PLACES);
    }
}
