use casemate_model::test_support::CountingEntropy;
use casemate_model::{LimitKind, TrapKind, WorkerId};
use proptest::prelude::*;

use super::*;

const POLICY: RetryPolicy = RetryPolicy::DEFAULT;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).expect("a test's time is in range")
}

fn lease(until: u64) -> Lease {
    Lease { worker: WorkerId::generate(at(0), &CountingEntropy::default()), node: None, until: at(until) }
}

fn apply(progress: &Progress, now: u64, step: Step) -> Progress {
    progress.step(&step, at(now), &POLICY).expect("the step applies")
}

fn running() -> Progress {
    let queued = Progress::queued(at(0), at(60_000));
    apply(&apply(&queued, 10, Step::Take(lease(10_010))), 20, Step::Start { fence: 1 })
}

#[test]
fn each_outcome_has_its_state() {
    for (outcome, state) in [
        (Outcome::Exited(0), TaskState::Succeeded),
        (Outcome::Exited(3), TaskState::Failed),
        (Outcome::Trapped(TrapKind::Unreachable), TaskState::Failed),
        (Outcome::Refused("not WebAssembly".to_owned()), TaskState::Failed),
        (Outcome::LimitReached(LimitKind::Memory), TaskState::Failed),
        (Outcome::LimitReached(LimitKind::Wall), TaskState::TimedOut),
        (Outcome::Cancelled, TaskState::Cancelled),
        (Outcome::EngineFailed("worker died".to_owned()), TaskState::RetryWait),
    ] {
        let ended = apply(&running(), 30, Step::End { fence: 1, outcome: outcome.clone() });
        assert_eq!((ended.state, ended.lease), (state, None), "{outcome}");
    }
}

#[test]
fn a_guest_that_fails_is_attempted_again_only_as_its_plan_says() {
    let on = |exit, trap| RetryPolicy { on: crate::RetryOn { exit, trap }, ..POLICY };
    let end = |policy: &RetryPolicy, outcome: Outcome| {
        running().step(&Step::End { fence: 1, outcome }, at(30), policy).expect("it is held").state
    };
    let (exit, trap) = (Outcome::Exited(3), Outcome::Trapped(TrapKind::Unreachable));
    assert_eq!(end(&on(true, false), exit.clone()), TaskState::RetryWait);
    assert_eq!(end(&on(true, false), trap.clone()), TaskState::Failed);
    assert_eq!(end(&on(false, true), trap.clone()), TaskState::RetryWait);
    assert_eq!(end(&on(true, true), Outcome::Exited(0)), TaskState::Succeeded);
    assert_eq!(end(&on(true, true), Outcome::LimitReached(LimitKind::Memory)), TaskState::Failed);
    let last = RetryPolicy { attempts_max: 1, ..on(true, true) };
    assert_eq!(
        end(&last, exit.clone()),
        TaskState::Failed,
        "no attempt is left, and it is the guest's own failure"
    );
    let cancelled = apply(&running(), 25, Step::Cancel);
    let ended = cancelled.step(&Step::End { fence: 1, outcome: exit }, at(30), &on(true, true));
    assert_eq!(ended.expect("it is held").state, TaskState::Failed);
}

#[test]
fn a_lost_lease_is_retried_with_growing_waits_until_no_attempt_is_left() {
    let mut progress = Progress::queued(at(0), at(60_000));
    let mut now = 0;
    for (fence, wait) in [(1, 1_000), (2, 2_000)] {
        progress = apply(&progress, now, Step::Take(lease(now + 20)));
        let failed = Outcome::EngineFailed("out of memory".to_owned());
        progress = apply(&progress, now + 10, Step::End { fence, outcome: failed });
        assert_eq!((progress.state, progress.due), (TaskState::RetryWait, at(now + 10 + wait)));
        assert_eq!(
            progress.step(&Step::Take(lease(now + 20)), at(now + 11), &POLICY),
            Err(Refusal::NotAvailable)
        );
        now = now + 10 + wait;
    }
    progress = apply(&progress, now, Step::Take(lease(now + 10)));
    assert_eq!(apply(&progress, now + 10, Step::Tick).state, TaskState::Dead);
}

#[test]
fn what_waited_for_a_lease_to_end_waits_no_longer() {
    let lost = apply(&running(), 10_010, Step::Tick);
    assert_eq!((lost.state, lost.due), (TaskState::RetryWait, at(10_010)));
}

#[test]
fn the_holder_of_an_old_lease_cannot_write() {
    let lost = apply(&running(), 10_010, Step::Tick);
    let taken_again = apply(&lost, 20_000, Step::Take(lease(30_000)));
    for step in [
        Step::Start { fence: 1 },
        Step::Extend { fence: 1, until: at(99_000) },
        Step::End { fence: 1, outcome: Outcome::Exited(0) },
    ] {
        assert_eq!(taken_again.step(&step, at(20_001), &POLICY), Err(Refusal::LeaseLost));
    }
}

#[test]
fn cancelling_waits_for_the_worker_only_when_there_is_one() {
    let queued = Progress::queued(at(0), at(60_000));
    assert_eq!(apply(&queued, 5, Step::Cancel).state, TaskState::Cancelled);

    let asked = apply(&running(), 30, Step::Cancel);
    assert_eq!((asked.state, asked.cancel_requested), (TaskState::Running, true));
    assert_eq!(
        apply(&asked, 40, Step::End { fence: 1, outcome: Outcome::Cancelled }).state,
        TaskState::Cancelled
    );
    assert_eq!(apply(&asked, 10_010, Step::Tick).state, TaskState::Cancelled, "the worker died");
}

#[test]
fn handing_back_costs_no_attempt() {
    let back = apply(&running(), 30, Step::HandBack { fence: 1 });
    assert_eq!((back.state, back.attempt, back.lease, back.due), (TaskState::Queued, 0, None, at(30)));
    let asked = apply(&running(), 30, Step::Cancel);
    assert_eq!(apply(&asked, 40, Step::HandBack { fence: 1 }).state, TaskState::Cancelled);
}

#[test]
fn a_deadline_ends_a_task_in_the_queue() {
    let queued = Progress::queued(at(0), at(60_000));
    assert_eq!(apply(&queued, 59_999, Step::Tick), queued);
    assert_eq!(apply(&queued, 60_000, Step::Tick).state, TaskState::TimedOut);
    assert_eq!(queued.step(&Step::Take(lease(70_000)), at(60_000), &POLICY), Err(Refusal::NotAvailable));
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u64..100_000).prop_map(|until| Step::Take(lease(until))),
        (0_u64..4).prop_map(|fence| Step::Start { fence }),
        (0_u64..4, 0_u64..100_000).prop_map(|(fence, until)| Step::Extend { fence, until: at(until) }),
        (0_u64..4, 0_u32..2).prop_map(|(fence, code)| Step::End { fence, outcome: Outcome::Exited(code) }),
        (0_u64..4).prop_map(|fence| Step::End { fence, outcome: Outcome::EngineFailed(String::new()) }),
        (0_u64..4).prop_map(|fence| Step::HandBack { fence }),
        Just(Step::Cancel),
        Just(Step::Tick),
    ]
}

proptest! {
    #[test]
    fn no_history_leaves_a_task_stuck_or_doubled(steps in proptest::collection::vec((any_step(), 0_u64..5_000), 0..60)) {
        let mut progress = Progress::queued(at(0), at(60_000));
        let mut now = 0;
        for (step, wait) in steps {
            now += wait;
            let before = progress.clone();
            if let Ok(next) = progress.step(&step, at(now), &POLICY) {
                progress = next;
            }
            let held = matches!(progress.state, TaskState::Leased | TaskState::Running);
            prop_assert_eq!(held, progress.lease.is_some());
            prop_assert!(progress.fence >= before.fence && progress.attempt <= POLICY.attempts_max);
            prop_assert!(!before.state.is_final() || before == progress);
        }
        // Whatever happened, once every lease and the deadline are past, a tick or two ends the task.
        for _ in 0..2 {
            now += 200_000;
            if let Ok(next) = progress.step(&Step::Tick, at(now), &POLICY) {
                progress = next;
            }
        }
        prop_assert!(progress.state.is_final(), "{:?}", progress);
    }
}
