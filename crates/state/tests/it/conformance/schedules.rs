//! Tasks that are submitted again and again, and what becomes of tasks after their end.

use std::time::Duration;

use casemate_model::{Digest, Outcome, RunLimits, ScheduleId};
use casemate_tasks::{
    Fired, Firing, FiringOf, HOURS_MAX, HourFigures, InputSource, ModuleSource, Overlap, Plan, Queue,
    Schedule, ScheduleCreated, ScheduleState, Schedules, SubmitTask, TaskInput, TaskRecord, TaskState,
    Timetable,
};

use crate::context::Context;

impl Context {
    fn schedule(&self, name: &str, module: Digest, stdin: Digest) -> Schedule {
        Schedule {
            id: ScheduleId::generate(self.now(), &self.entropy),
            project: self.project.clone(),
            name: name.parse().unwrap(),
            timetable: Timetable::new("*/10 * * * * *", "Europe/Vienna").unwrap(),
            overlap: Overlap::Skip,
            task: SubmitTask {
                module: ModuleSource::Content(InputSource::Digest(module)),
                args: vec!["-v".to_owned()],
                env: vec![("A".to_owned(), "1".to_owned())],
                stdin: Some(TaskInput::Content(InputSource::Digest(stdin))),
                inputs: vec![(
                    "book.txt".to_owned(),
                    TaskInput::Content(InputSource::Object("books".parse().unwrap(), "a/b".parse().unwrap())),
                )],
                after: Vec::new(),
                output_directory: true,
                limits: RunLimits::DEFAULT,
                deterministic: true,
                plan: Plan { timeout_ms: Some(7), ..Plan::default() },
                quorum: Some((2, 3)),
            },
            maker: "-".to_owned(),
            state: ScheduleState::Active,
            reason: None,
            next: Some(self.later(10)),
            last: None,
            last_task: None,
            created: self.now(),
        }
    }

    async fn create(&self, schedule: &Schedule) -> ScheduleCreated {
        self.store.create_schedule(schedule, self.event("schedules.create")).await.unwrap()
    }

    async fn fire(&self, schedule: &Schedule, task: TaskRecord, next: u64) -> Fired {
        let event = self.event("tasks.submit");
        let (due, next) = (schedule.next.unwrap(), Some(self.later(next)));
        let what = FiringOf::Task(Box::new(task), event);
        self.store.fire(&Firing { schedule: schedule.id, due, next, what }).await.unwrap()
    }

    async fn stored_schedule(&self, id: ScheduleId) -> Schedule {
        self.store.schedule(&self.project, id).await.unwrap().unwrap()
    }

    fn of_schedule(&self, module: Digest) -> TaskRecord {
        let mut task = self.task(module);
        task.spec.plan.key = Some("schedule/nightly".parse().unwrap());
        task
    }
}

pub(super) async fn a_time_is_carried_out_once_and_nothing_is_submitted_over_an_open_task(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let schedule = context.schedule("nightly", module, module);
    assert_eq!(context.create(&schedule).await, ScheduleCreated::Done);
    assert_eq!(
        context.create(&context.schedule("nightly", module, module)).await,
        ScheduleCreated::NameTaken
    );
    assert_eq!(context.stored_schedule(schedule.id).await, schedule, "all of it is there again");
    assert_eq!(context.store.due_schedules(context.now(), 9).await.unwrap(), []);
    context.clock.advance(Duration::from_secs(10));
    assert_eq!(context.store.due_schedules(context.now(), 9).await.unwrap(), std::slice::from_ref(&schedule));

    let task = context.of_schedule(module);
    let fired = context.fire(&schedule, task.clone(), 10).await;
    assert_eq!(fired, Fired::Submitted(Box::new(task.clone())));
    // Another server has seen the same time.
    assert_eq!(context.fire(&schedule, context.of_schedule(module), 10).await, Fired::Lost);
    let second = context.stored_schedule(schedule.id).await;
    assert_eq!((second.last, second.last_task), (schedule.next, Some(task.id)));
    assert_eq!((second.next, second.reason.clone()), (Some(context.later(10)), None));

    context.clock.advance(Duration::from_secs(10));
    let fired = context.fire(&second, context.of_schedule(module), 10).await;
    let reason = format!("the task before, {}, is still open", task.id);
    assert_eq!(fired, Fired::Nothing(reason.clone()));
    let third = context.stored_schedule(schedule.id).await;
    assert_eq!((third.reason.clone(), third.last_task), (Some(reason), Some(task.id)));
    assert_eq!(context.counts().await, [(TaskState::Queued, 1)]);

    let event = context.event("schedules.halt");
    let (due, what) = (third.next.unwrap(), FiringOf::Halt("gone".to_owned(), event));
    context
        .store
        .fire(&Firing { schedule: schedule.id, due, next: Some(context.later(9)), what })
        .await
        .unwrap();
    let halted = context.stored_schedule(schedule.id).await;
    assert_eq!((halted.state, halted.next), (ScheduleState::Halted, None));
    assert_eq!(context.store.due_schedules(context.later(999), 9).await.unwrap(), []);
    let resume = context.event("schedules.resume");
    let next = Some(context.later(3));
    let answered = context.store.set_schedule_next(&context.project, schedule.id, next, resume).await;
    assert_eq!(answered.unwrap(), Some(context.stored_schedule(schedule.id).await));
    let resumed = context.stored_schedule(schedule.id).await;
    assert_eq!((resumed.state, resumed.next, resumed.reason), (ScheduleState::Active, next, None));
    let elsewhere = "elsewhere".parse().unwrap();
    let pause = context.event("schedules.pause");
    let nothing = context.store.set_schedule_next(&elsewhere, schedule.id, None, pause).await;
    assert_eq!(nothing.unwrap(), None);
    assert_eq!(
        context.actions().await[1..],
        ["schedules.create", "tasks.submit", "schedules.halt", "schedules.resume"]
    );
}

pub(super) async fn what_a_schedule_reads_stays_until_it_is_removed(context: &Context) {
    let module = context.put("app.wasm", b"module").await;
    let input = context.put("input", b"input").await;
    let missing = context.schedule("a", module, Digest::of(b"nowhere"));
    assert_eq!(context.create(&missing).await, ScheduleCreated::BlobMissing(Digest::of(b"nowhere")));
    let schedule = context.schedule("a", module, input);
    // A zone that this machine does not know, and another one did.
    let zone = Timetable::stored("0 3 * * *".to_owned(), "Nowhere/Else".to_owned());
    let schedule = Schedule { timetable: zone, ..schedule };
    assert_eq!(context.create(&schedule).await, ScheduleCreated::Done);
    assert_eq!(context.stored_schedule(schedule.id).await, schedule);
    context.delete("app.wasm").await;
    context.delete("input").await;
    assert!(!context.is_unreferenced(module).await && !context.is_unreferenced(input).await);
    let remove = || context.event("schedules.remove");
    let elsewhere = "elsewhere".parse().unwrap();
    assert!(!context.store.remove_schedule(&elsewhere, schedule.id, remove()).await.unwrap());
    assert!(context.store.remove_schedule(&context.project, schedule.id, remove()).await.unwrap());
    assert!(!context.store.remove_schedule(&context.project, schedule.id, remove()).await.unwrap());
    assert!(context.is_unreferenced(module).await && context.is_unreferenced(input).await);
    assert_eq!(context.store.schedules(&context.project, None, 9).await.unwrap(), []);
}

pub(super) async fn tasks_are_counted_by_the_hour_and_go_when_they_were_kept_for_long_enough(
    context: &Context,
) {
    let begin = context.now();
    let open = context.submit().await;
    for seconds in [10, 7_200] {
        context.submit().await;
        let taken = context.take_one(10).await;
        // The first one stays open.
        let taken = if taken.id == open.id { context.take_one(10).await } else { taken };
        let mut completion = context.completion(&taken, Outcome::Exited(0), b"output");
        completion.result.usage.fuel = 7_999;
        (completion.result.usage.queue_ms, completion.result.usage.wall_ms) = (5, 12);
        context.complete(&completion).await;
        context.clock.advance(Duration::from_secs(seconds));
    }
    let hours = context.store.hours(&context.project, begin).await.unwrap();
    let [HourFigures { state, tasks, runs, queue_ms, run_ms, fuel, hour }] = hours[..] else {
        panic!("one hour")
    };
    assert_eq!((state, tasks, runs), (TaskState::Succeeded, 2, 2));
    assert_eq!((queue_ms, run_ms, fuel), (10, 14, 14_000));
    assert!(hour <= begin && begin < hour.saturating_add(Duration::from_secs(3_600)));
    assert_eq!(context.store.hours(&context.project, context.now()).await.unwrap(), []);
    context.store.forget_hours(context.now()).await.unwrap();
    assert_eq!(context.store.hours(&context.project, begin).await.unwrap().len(), 1);
    context.store.forget_hours(context.later(u64::from(HOURS_MAX + 3) * 3_600)).await.unwrap();
    assert_eq!(context.store.hours(&context.project, begin).await.unwrap(), []);

    let expire = async |before| {
        let event = context.event("tasks.expire");
        context.store.expire(before, event, 1).await.unwrap()
    };
    assert_eq!(expire(begin).await, 0, "nothing is that old");
    let output = Digest::of(b"output");
    assert_eq!(expire(context.now()).await, 1);
    assert!(!context.is_unreferenced(output).await, "the other one has given it too");
    assert_eq!(expire(context.now()).await, 1);
    assert!(context.is_unreferenced(output).await);
    assert_eq!(expire(context.now()).await, 0, "what is open is not over");
    assert_eq!(
        context.store.task(&context.project, open.id).await.unwrap().map(|task| task.id),
        Some(open.id)
    );
    let recorded = context.actions().await;
    assert_eq!(recorded.iter().filter(|action| *action == "tasks.expire").count(), 2);
    let found = context.store.check().await.unwrap();
    assert_eq!(found.findings, [], "every counter is right");
}
