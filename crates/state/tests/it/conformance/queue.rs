use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{Digest, Outcome, TaskId, Timestamp};
use casemate_tasks::{
    Cancelled, Completed, Completion, Extended, Held, OutputFile, Queue, Submitted, Taker, TaskPage,
    TaskRecord, TaskState,
};

use crate::context::{Context, LIMITS};

impl Context {
    pub(super) async fn submit(&self) -> TaskRecord {
        let module = self.put("app.wasm", b"module").await;
        let task = self.task(module);
        let submitted = self.store.submit(&task, self.event("tasks.submit")).await.unwrap();
        assert_eq!(submitted, Submitted::Accepted);
        task
    }

    pub(super) async fn take_one(&self, seconds: u64) -> TaskRecord {
        let mut taken = self.store.take(Taker::of_any(self.lease(seconds)), self.now(), 1).await.unwrap();
        taken.pop().expect("a task is due")
    }

    pub(super) async fn complete(&self, completion: &Completion) -> Completed {
        self.store.complete(completion, self.event("tasks.end")).await.unwrap()
    }

    async fn extend(&self, held: &[Held], seconds: u64) -> Extended {
        self.store.extend(held, self.later(seconds), self.now()).await.unwrap()
    }

    async fn tick(&self) -> Vec<TaskRecord> {
        self.store.tick(self.now(), ended, 100).await.unwrap()
    }

    pub(super) async fn stored(&self, id: TaskId) -> TaskRecord {
        self.store.task(&self.project, id).await.unwrap().expect("the task is there")
    }

    pub(super) async fn counts(&self) -> Vec<(TaskState, u64)> {
        self.store.counts(&self.project).await.unwrap()
    }
}

fn held(task: &TaskRecord) -> Held {
    Held { task: task.id, fence: task.progress.fence }
}

/// The event of a task that time ended; what it says of the task is what the store wrote.
pub(super) fn ended(task: &TaskRecord, now: Timestamp) -> Event {
    Event {
        time: now,
        request: task.request,
        actor: casemate_model::PrincipalKind::Node,
        project: task.project.clone(),
        action: "tasks.ended-by-time".into(),
        resource: format!("task:{}", task.id),
        decision: casemate_ledger::Decision::Allowed,
        outcome: task.progress.state.to_string(),
        details: Vec::new(),
    }
}

pub(super) async fn a_task_lives_from_submission_to_success(context: &Context) {
    let task = context.submit().await;
    assert_eq!(context.stored(task.id).await, task);
    let elsewhere = "elsewhere".parse().unwrap();
    assert_eq!(context.store.task(&elsewhere, task.id).await.unwrap(), None);
    assert_eq!(context.counts().await, [(TaskState::Queued, 1)]);

    let taken = context.take_one(10).await;
    assert_eq!(
        (taken.progress.state, taken.progress.attempt, taken.progress.fence),
        (TaskState::Leased, 1, 1)
    );
    assert_eq!(context.stored(task.id).await, taken);
    assert!(context.store.start(task.id, 1, context.now()).await.unwrap());
    assert!(!context.store.start(task.id, 2, context.now()).await.unwrap(), "another lease's token");
    assert_eq!(context.extend(&[held(&taken)], 30).await, Extended::default());
    assert_eq!(context.stored(task.id).await.progress.lease.unwrap().until, context.later(30));

    let mut completion = context.completion(&taken, Outcome::Exited(0), b"output");
    completion.result.outputs =
        vec![OutputFile { path: "a/b.txt".to_owned(), digest: Digest::of(b"file"), size_bytes: 4 }];
    let Completed::Accepted(done) = context.complete(&completion).await else { panic!("the lease is held") };
    assert_eq!(done.progress.state, TaskState::Succeeded);
    let result = done.result.clone().expect("a result");
    assert_eq!(result.entry, 2, "the put and the submission came before");
    assert_eq!(result, casemate_tasks::TaskResult { entry: 2, ..completion.result.clone() });
    assert_eq!(context.stored(task.id).await, *done);
    assert_eq!(context.counts().await, [(TaskState::Succeeded, 1)]);
    assert_eq!(
        casemate_objects::BlobCatalog::blob_size(&context.store, &context.blob(Digest::of(b"file")))
            .await
            .unwrap(),
        Some(4)
    );
    let again = context.complete(&completion).await;
    assert_eq!(again, Completed::Accepted(done), "an answer may be lost, so asking again is no mistake");
    let mut other = context.completion(&taken, Outcome::Exited(1), b"other");
    other.result.run = casemate_model::RunId::generate(context.later(1), &context.entropy);
    assert_eq!(context.complete(&other).await, Completed::Stale, "but only one run counts");
    assert_eq!(context.actions().await, ["objects.put", "tasks.submit", "tasks.end"]);
}

pub(super) async fn a_lost_lease_cannot_write(context: &Context) {
    let task = context.submit().await;
    let first = context.take_one(10).await;
    context.clock.advance(Duration::from_secs(11));
    let changed = context.tick().await;
    assert_eq!(changed.iter().map(|task| task.progress.state).collect::<Vec<_>>(), [TaskState::RetryWait]);
    let completion = context.completion(&first, Outcome::Exited(0), b"late");
    assert_eq!(context.complete(&completion).await, Completed::Stale);
    assert!(!context.store.start(task.id, first.progress.fence, context.now()).await.unwrap());

    context.clock.advance(Duration::from_secs(2));
    let second = context.take_one(10).await;
    assert_eq!((second.progress.attempt, second.progress.fence), (2, 2));
    assert_eq!(context.complete(&completion).await, Completed::Stale, "another attempt holds the task");
    let completion = context.completion(&second, Outcome::Exited(3), b"in time");
    let Completed::Accepted(done) = context.complete(&completion).await else { panic!("the lease is held") };
    assert_eq!(done.progress.state, TaskState::Failed);
    let late = Digest::of(b"late");
    assert_eq!(
        casemate_objects::BlobCatalog::blob_size(&context.store, &context.blob(late)).await.unwrap(),
        None
    );
}

pub(super) async fn a_failure_of_the_node_is_tried_again_until_no_attempt_is_left(context: &Context) {
    let task = context.submit().await;
    let failed = Outcome::EngineFailed("no worker".to_owned());
    for (attempt, wait) in [(1, 1), (2, 2)] {
        let taken = context.take_one(10).await;
        let output = format!("output of attempt {attempt}");
        let completion = context.completion(&taken, failed.clone(), output.as_bytes());
        let Completed::Accepted(waits) = context.complete(&completion).await else {
            panic!("the lease is held")
        };
        let (earliest, latest) =
            (context.later(wait), context.later(wait).saturating_add(Duration::from_millis(200 * wait)));
        assert_eq!(waits.progress.state, TaskState::RetryWait);
        assert!((earliest..=latest).contains(&waits.progress.due), "{:?}", waits.progress.due);
        assert_eq!(
            context.store.take(Taker::of_any(context.lease(10)), context.now(), 1).await.unwrap(),
            vec![],
            "not yet due"
        );
        context.clock.advance(Duration::from_millis(1_200 * wait));
    }
    assert!(context.is_unreferenced(Digest::of(b"output of attempt 1")).await, "the next result replaced it");
    assert!(!context.is_unreferenced(Digest::of(b"output of attempt 2")).await);
    let taken = context.take_one(1).await;
    assert_eq!(taken.progress.attempt, 3);
    context.clock.advance(Duration::from_secs(2));
    let changed = context.tick().await;
    assert_eq!(changed, [context.stored(task.id).await]);
    assert_eq!(changed[0].progress.state, TaskState::Dead);
    let actions = context.actions().await;
    assert_eq!(actions.last().map(String::as_str), Some("tasks.ended-by-time"));
}

pub(super) async fn a_task_that_is_handed_back_is_taken_again(context: &Context) {
    let task = context.submit().await;
    let taken = context.take_one(10).await;
    let hand_back = async |held| context.store.hand_back(held, context.now(), ended).await.unwrap();
    assert_eq!(hand_back(Held { fence: 9, ..held(&taken) }).await, None, "another lease's token");
    let back = hand_back(held(&taken)).await.expect("the lease is held");
    assert_eq!(back, context.stored(task.id).await);
    assert_eq!(back.progress.state, TaskState::Queued);
    assert_eq!(hand_back(held(&taken)).await, None, "given up already");
    assert_eq!(context.counts().await, [(TaskState::Queued, 1)]);
    let again = context.take_one(10).await;
    assert_eq!((again.progress.attempt, again.progress.fence), (1, 2));

    // Somebody cancels it meanwhile: then it ends here, and that is recorded.
    let event = context.event("tasks.cancel");
    context.store.cancel(&context.project, task.id, context.now(), event).await.unwrap();
    let ended = hand_back(held(&again)).await.expect("the lease is held");
    assert_eq!(ended.progress.state, TaskState::Cancelled);
    assert_eq!(context.actions().await.last().map(String::as_str), Some("tasks.ended-by-time"));
}

pub(super) async fn a_lease_that_nobody_works_under_ends(context: &Context) {
    let (_, _) = (context.submit().await, context.submit().await);
    let lease = context.lease(10);
    let taken = context.store.take(Taker::of_any(lease), context.now(), 2).await.unwrap();
    let (works, forgotten) = (held(&taken[0]), held(&taken[1]));
    context.clock.advance(Duration::from_secs(8));
    assert_eq!(context.extend(&[works], 10).await, Extended::default());
    context.clock.advance(Duration::from_secs(3));
    let lapsed: Vec<_> = context.tick().await.iter().map(|task| task.id).collect();
    assert_eq!(lapsed, [forgotten.task], "although the same worker holds another");
    let extended = context.extend(&[works, forgotten], 10).await;
    assert_eq!(extended, Extended { cancelled: vec![], lost: vec![forgotten] });

    // Whoever goes on and on is not believed for ever.
    let until = context.later(1_000_000);
    context.store.extend(&[works], until, context.now()).await.unwrap();
    let task = context.stored(works.task).await;
    let latest = task.progress.deadline.saturating_add(casemate_tasks::REPORT_GRACE);
    assert_eq!(task.progress.lease.unwrap().until, latest);
}

pub(super) async fn a_waiting_task_is_cancelled_at_once_and_a_running_one_by_its_worker(context: &Context) {
    let cancel = async |id| {
        let event = context.event("tasks.cancel");
        context.store.cancel(&context.project, id, context.now(), event).await.unwrap()
    };
    let waiting = context.submit().await;
    let Cancelled::Done(done) = cancel(waiting.id).await else { panic!("nobody runs it") };
    assert_eq!(done.progress.state, TaskState::Cancelled);
    assert_eq!(cancel(waiting.id).await, Cancelled::Over(done));
    assert_eq!(cancel(context.task(Digest::of(b"")).id).await, Cancelled::Missing);
    let elsewhere = "elsewhere".parse().unwrap();
    let theirs =
        context.store.cancel(&elsewhere, waiting.id, context.now(), context.event("refused")).await.unwrap();
    assert_eq!(theirs, Cancelled::Missing, "another project's task");

    let running = context.submit().await;
    let taken = context.take_one(10).await;
    let Cancelled::Requested(asked) = cancel(running.id).await else { panic!("a worker holds it") };
    assert!(asked.progress.cancel_requested);
    assert_eq!(cancel(running.id).await, Cancelled::Requested(asked), "asking again changes nothing");
    let extended = context.extend(&[held(&taken)], 20).await;
    assert_eq!(extended, Extended { cancelled: vec![held(&taken)], lost: vec![] });
    let completion = context.completion(&taken, Outcome::Cancelled, b"");
    let Completed::Accepted(ended) = context.complete(&completion).await else { panic!("the lease is held") };
    assert_eq!(ended.progress.state, TaskState::Cancelled);
    let cancels = context.actions().await.into_iter().filter(|action| action == "tasks.cancel").count();
    assert_eq!(cancels, 2, "one for each task");
}

pub(super) async fn a_deadline_ends_a_task_that_waits(context: &Context) {
    let task = context.submit().await;
    assert_eq!(context.tick().await, vec![], "in time");
    context.clock.advance(Duration::from_secs(60));
    assert_eq!(context.store.take(Taker::of_any(context.lease(10)), context.now(), 1).await.unwrap(), vec![]);
    let changed = context.tick().await;
    assert_eq!(changed.len(), 1);
    assert_eq!((changed[0].id, changed[0].progress.state), (task.id, TaskState::TimedOut));
    assert_eq!(context.tick().await, vec![]);
}

pub(super) async fn a_full_queue_and_a_missing_blob_refuse_a_task(context: &Context) {
    let known = context.put("app.wasm", b"module").await;
    let unknown = Digest::of(b"unknown");
    let mut task = context.task(known);
    task.spec.inputs = vec![("in.txt".to_owned(), unknown)];
    let submitted = context.store.submit(&task, context.event("refused")).await.unwrap();
    assert_eq!(submitted, Submitted::BlobMissing(unknown));
    assert_eq!(context.counts().await, []);

    for _ in 0..LIMITS.open_tasks_max {
        context.submit().await;
    }
    let full = Submitted::QueueFull { open_max: LIMITS.open_tasks_max };
    assert_eq!(context.store.submit(&context.task(known), context.event("refused")).await.unwrap(), full);
    let mut elsewhere = context.task(known);
    elsewhere.project = "elsewhere".parse().unwrap();
    elsewhere.spec.module_project = Some(context.project.clone());
    let submitted = context.store.submit(&elsewhere, context.event("tasks.submit")).await.unwrap();
    assert_eq!(submitted, Submitted::Accepted, "each project has its own room");

    let taken = context.take_one(10).await;
    let completion = context.completion(&taken, Outcome::Exited(0), b"");
    context.complete(&completion).await;
    let submitted = context.store.submit(&context.task(known), context.event("tasks.submit")).await.unwrap();
    assert_eq!(submitted, Submitted::Accepted, "a task that is over makes room");
    assert!(!context.actions().await.contains(&"refused".to_owned()));
}

pub(super) async fn tasks_are_taken_oldest_first_and_only_once(context: &Context) {
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(context.submit().await.id);
        context.clock.advance(Duration::from_millis(10));
    }
    let ids = |tasks: &[TaskRecord]| tasks.iter().map(|task| task.id).collect::<Vec<_>>();
    let first = context.store.take(Taker::of_any(context.lease(10)), context.now(), 2).await.unwrap();
    assert_eq!(ids(&first), expected[..2]);
    let takes = (0..10).map(|_| context.store.take(Taker::of_any(context.lease(10)), context.now(), 1));
    let mut rest = Vec::new();
    for taken in futures_util::future::join_all(takes).await {
        rest.extend(ids(&taken.unwrap()));
    }
    rest.sort();
    assert_eq!(rest, expected[2..]);
}

pub(super) async fn tasks_are_listed_newest_first(context: &Context) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(context.submit().await.id);
        context.clock.advance(Duration::from_millis(10));
    }
    context.take_one(10).await;
    let list = async |state, before, limit| {
        let page = TaskPage { project: context.project.clone(), state, before, limit };
        let tasks = context.store.tasks(&page).await.unwrap();
        tasks.into_iter().map(|task| task.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 3).await, [ids[3], ids[2], ids[1]]);
    assert_eq!(list(None, Some(ids[1]), 3).await, [ids[0]]);
    assert_eq!(list(Some(TaskState::Leased), None, 3).await, [ids[0]]);
    assert_eq!(list(Some(TaskState::Queued), Some(ids[3]), 3).await, [ids[2], ids[1]]);
    assert_eq!(list(Some(TaskState::Dead), None, 3).await, []);
    assert_eq!(context.counts().await, [(TaskState::Leased, 1), (TaskState::Queued, 3)]);
}
