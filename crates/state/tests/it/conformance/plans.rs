//! When tasks are taken, and what they wait for.

use std::time::Duration;

use casemate_model::{Digest, Outcome, TaskId};
use casemate_tasks::{
    Awaited, Completed, Plan, Priority, Queue, RetryOn, RetryPolicy, Submitted, Taker, TaskRecord, TaskState,
};

use super::queue::ended;
use crate::context::Context;

pub(super) async fn the_most_urgent_comes_first_and_projects_take_turns(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let submit = async |project: &str, priority| {
        let mut task = context.task(module);
        task.project = project.parse().unwrap();
        task.spec.module_project = Some(context.project.clone());
        task.spec.plan.priority = Priority::new(priority).unwrap();
        let submitted = context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
        assert_eq!(submitted, Submitted::Accepted);
        context.clock.advance(Duration::from_millis(1));
        task.id
    };
    let mut many = Vec::new();
    for _ in 0..4 {
        many.push(submit("many", 5).await);
    }
    let urgent = submit("urgent", 9).await;
    assert_eq!(context.take_one(10).await.id, urgent, "whosever it is");
    assert_eq!(context.take_one(10).await.id, many[0]);
    // Whoever comes later waits for no more than the one whose turn it is.
    let few = [submit("few", 5).await, submit("few", 5).await];
    let mut order = Vec::new();
    for _ in 0..5 {
        order.push(context.take_one(10).await.id);
    }
    assert_eq!(order, [many[1], few[0], many[2], few[1], many[3]]);
    let (low, high) = (submit("few", 0).await, submit("many", 1).await);
    assert_eq!([context.take_one(10).await.id, context.take_one(10).await.id], [high, low]);
}

pub(super) async fn a_task_waits_for_its_time_and_queues_then(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let mut later = context.task(module);
    let at = context.later(60);
    later.spec.plan = Plan { not_before: Some(at), ..Plan::default() };
    later.progress = casemate_tasks::Progress::queued(at, context.later(120));
    context.store.submit(&later, context.event("tasks.submit")).await.unwrap();
    let now = context.submit().await;
    assert_eq!(context.take_one(10).await.id, now.id);
    assert_eq!(context.store.take(Taker::of_any(context.lease(10)), context.now(), 9).await.unwrap(), []);
    context.clock.advance(Duration::from_secs(60));
    let taken = context.take_one(10).await;
    assert_eq!((taken.id, taken.spec.plan.not_before), (later.id, Some(at)));
}

pub(super) async fn one_open_task_has_a_key(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let nightly = || {
        let mut task = context.task(module);
        task.spec.plan.key = Some("nightly".parse().unwrap());
        task
    };
    let submit =
        async |task: &TaskRecord| context.store.submit(task, context.event("tasks.submit")).await.unwrap();
    let first = nightly();
    assert_eq!(submit(&first).await, Submitted::Accepted);
    let recorded = context.actions().await;
    assert_eq!(submit(&nightly()).await, Submitted::Exists(Box::new(first.clone())));
    assert_eq!(context.actions().await, recorded, "nothing is recorded");
    assert_eq!(context.counts().await, [(TaskState::Queued, 1)]);
    let mut elsewhere = nightly();
    elsewhere.project = "elsewhere".parse().unwrap();
    elsewhere.spec.module_project = Some(context.project.clone());
    assert_eq!(submit(&elsewhere).await, Submitted::Accepted, "keys of others are other keys");
    let tasks = [nightly(), nightly(), nightly(), nightly()];
    let taken = context.store.take(Taker::of_any(context.lease(10)), context.now(), 9).await.unwrap();
    let taken = taken.into_iter().find(|task| task.id == first.id).unwrap();
    context.complete(&context.completion(&taken, Outcome::Exited(0), b"")).await;
    let answers = futures_util::future::join_all(tasks.iter().map(&submit)).await;
    let accepted = answers.iter().filter(|answer| **answer == Submitted::Accepted).count();
    let found = answers.iter().filter(|answer| matches!(answer, Submitted::Exists(_))).count();
    assert_eq!((accepted, found), (1, 3), "of many at once one is accepted");
}

pub(super) async fn a_guest_that_fails_is_attempted_again_if_its_plan_says_so(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let mut task = context.task(module);
    let on = RetryOn { exit: true, trap: false };
    task.spec.plan.retry = RetryPolicy { attempts_max: 2, on, ..RetryPolicy::DEFAULT };
    context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
    for state in [TaskState::RetryWait, TaskState::Failed] {
        let taken = context.take_one(10).await;
        let completion = context.completion(&taken, Outcome::Exited(3), b"output");
        let Completed::Accepted(task) = context.complete(&completion).await else {
            panic!("the lease is held")
        };
        assert_eq!(task.progress.state, state);
        context.clock.advance(Duration::from_secs(2));
    }
}

pub(super) async fn a_task_waits_for_those_it_needs_and_reads_what_they_leave(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let submit = async |needs: &[TaskId], awaited: Vec<Awaited>| {
        let mut task = context.task(module);
        (task.spec.needs, task.spec.awaited) = (needs.to_vec(), awaited);
        let submitted = context.store.submit(&task, context.event("tasks.submit")).await.unwrap();
        context.clock.advance(Duration::from_millis(1));
        (task.id, submitted)
    };
    let settle = async || {
        let settled = context.store.settle(context.now(), ended, 9).await.unwrap();
        settled.changed.into_iter().map(|task| (task.id, task.progress.state)).collect::<Vec<_>>()
    };
    let finish = async |code| {
        let taken = context.take_one(10).await;
        let Completed::Accepted(done) =
            context.complete(&context.completion(&taken, Outcome::Exited(code), b"output")).await
        else {
            panic!("the lease is held")
        };
        done.id
    };
    let unknown = context.task(module).id;
    assert_eq!(submit(&[unknown], vec![]).await.1, Submitted::NeedsMissing(unknown));

    let (first, second) = (submit(&[], vec![]).await.0, submit(&[], vec![]).await.0);
    let awaited = Awaited { task: first, file: None, path: Some("a.txt".to_owned()) };
    let (both, accepted) = submit(&[first, second], vec![awaited.clone()]).await;
    assert_eq!(accepted, Submitted::Accepted);
    let (last, _) = submit(&[both], vec![]).await;
    assert_eq!(settle().await, []);
    assert_eq!(finish(0).await, first);
    assert_eq!(settle().await, [], "it needs another one, too");
    let output = ("a.txt".to_owned(), Digest::of(b"output"));
    assert_eq!(context.stored(both).await.spec.inputs, std::slice::from_ref(&output));
    assert_eq!(finish(0).await, second);
    assert_eq!(
        context.store.take(Taker::of_any(context.lease(10)), context.now(), 9).await.unwrap(),
        [],
        "not before it is released"
    );
    let earlier = submit(&[], vec![]).await.0;
    assert_eq!(settle().await, [(both, TaskState::Queued)]);
    let released = context.stored(both).await.progress;
    assert_eq!(released.due, context.now(), "its time begins now");
    assert_eq!(finish(0).await, earlier, "it has its turn from when it is released");
    assert_eq!(finish(1).await, both);
    assert_eq!(settle().await, [(last, TaskState::Cancelled)], "what it needs has failed");
    assert_eq!(context.actions().await.last().map(String::as_str), Some("tasks.ended-by-time"));
    assert_eq!(settle().await, []);

    let (late, accepted) = submit(&[first], vec![awaited]).await;
    assert_eq!(accepted, Submitted::Accepted);
    assert_eq!(context.stored(late).await.spec.inputs, [output], "what is there is read at once");
    assert_eq!(finish(0).await, late);
    assert_eq!(submit(&[both], vec![]).await.1, Submitted::NeedsMissing(both), "it has not succeeded");
    let file = Awaited { task: first, file: Some("none".to_owned()), path: None };
    let refused = submit(&[first], vec![file]).await.1;
    assert!(matches!(refused, Submitted::OutputMissing(_)), "{refused:?}");
}
