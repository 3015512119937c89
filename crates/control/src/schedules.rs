//! Tasks that are submitted again and again, in the name of whoever wanted that.

use std::time::Duration;

use casemate_identity::Maker;
use casemate_model::{Principal, RequestId, ScheduleId, Timestamp};
use casemate_policy::{Resource, operation};
use casemate_tasks::{
    Fired, Firing, FiringOf, Overlap, SCHEDULES_MAX, Schedule, ScheduleCreated, ScheduleName, ScheduleState,
    SubmitTask, TaskInput, Timetable, TimetableError,
};

use crate::{Caller, Control, ControlError};

/// How often it is looked whether the time of a schedule has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How keys of tasks begin that schedules submit.
pub(crate) const SCHEDULE_KEYS: &str = "schedule/";
/// Schedules that are carried out in one round.
const ROUND_MAX: u32 = 64;

/// A schedule that somebody wants.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// What people call it.
    pub name: ScheduleName,
    /// When.
    pub timetable: Timetable,
    /// What becomes of a time at which the task before is open.
    pub overlap: Overlap,
    /// What is submitted.
    pub task: SubmitTask,
}

/// Why something about schedules was not done.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// There is no such schedule in the project.
    #[error("there is no schedule {0}")]
    NotFound(ScheduleId),
    /// Another one has the name.
    #[error("there is a schedule `{0}` already")]
    NameTaken(ScheduleName),
    /// The project has as many as it may have.
    #[error("the project has {SCHEDULES_MAX} schedules already")]
    TooMany,
    /// Nobody is there in whose name it could submit.
    #[error("whoever made it may not do anything any more")]
    MakerGone,
    /// There are no such times.
    #[error(transparent)]
    Timetable(#[from] TimetableError),
    /// Its task holds something that is of one time only.
    #[error("the task of a schedule has no `{0}` that is of one time only")]
    OfOneTime(&'static str),
}

/// Carries schedules out until the node stops.
pub(crate) async fn keep(control: Control) {
    let mut rounds = tokio::time::interval(LOOK_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = rounds.tick() => crate::sweep::note(control.fire_due().await),
        }
    }
}

impl Control {
    /// Makes a schedule. It is checked as if its task was submitted now.
    pub async fn create_schedule(
        &self,
        caller: &Caller,
        wanted: NewSchedule,
    ) -> Result<Schedule, ControlError> {
        let permit = self.permit::<operation::CreateSchedule>(caller, &Resource::all("schedules")).await?;
        let NewSchedule { name, timetable, overlap, task } = wanted;
        check(&task)?;
        let now = self.now();
        let next = timetable.next_after(now).map_err(ScheduleError::from)?;
        self.prepare_task(caller, task.clone(), None).await?;
        let schedule = Schedule {
            id: ScheduleId::generate(now, self.entropy()),
            project: permit.project().clone(),
            name,
            timetable,
            overlap,
            task,
            maker: self.maker_of(&caller.principal).await?.to_string(),
            state: ScheduleState::Active,
            reason: None,
            next: Some(next),
            last: None,
            last_task: None,
            created: now,
        };
        let mut event = self.event(caller, permit.action(), resource(schedule.id), "created");
        event.details = vec![
            ("cron".to_owned(), schedule.timetable.pattern().to_owned()),
            ("name".to_owned(), schedule.name.to_string()),
            ("zone".to_owned(), schedule.timetable.zone().to_owned()),
        ];
        match self.parts.schedules.create_schedule(&schedule, event).await? {
            ScheduleCreated::Done => Ok(schedule),
            ScheduleCreated::NameTaken => Err(ScheduleError::NameTaken(schedule.name).into()),
            ScheduleCreated::TooMany => Err(ScheduleError::TooMany.into()),
            ScheduleCreated::BlobMissing(digest) => {
                Err(casemate_objects::ObjectsError::BlobMissing { digest }.into())
            }
        }
    }

    /// Lists the project's schedules, oldest first.
    pub async fn list_schedules(
        &self,
        caller: &Caller,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, ControlError> {
        let permit = self.permit::<operation::ListSchedules>(caller, &Resource::all("schedules")).await?;
        Ok(self.parts.schedules.schedules(permit.project(), after, limit).await?)
    }

    /// Shows a schedule.
    pub async fn show_schedule(&self, caller: &Caller, id: ScheduleId) -> Result<Schedule, ControlError> {
        let permit = self.permit::<operation::ShowSchedule>(caller, &resource(id)).await?;
        let found = self.parts.schedules.schedule(permit.project(), id).await?;
        Ok(found.ok_or(ScheduleError::NotFound(id))?)
    }

    /// Pauses a schedule: the times that come are passed over.
    pub async fn pause_schedule(&self, caller: &Caller, id: ScheduleId) -> Result<Schedule, ControlError> {
        let permit = self.permit::<operation::PauseSchedule>(caller, &resource(id)).await?;
        let event = self.event(caller, permit.action(), resource(id), "paused");
        let paused = self.parts.schedules.set_schedule_next(permit.project(), id, None, event).await?;
        Ok(paused.ok_or(ScheduleError::NotFound(id))?)
    }

    /// Has a schedule go on with its next time.
    pub async fn resume_schedule(&self, caller: &Caller, id: ScheduleId) -> Result<Schedule, ControlError> {
        let permit = self.permit::<operation::ResumeSchedule>(caller, &resource(id)).await?;
        let found = self.parts.schedules.schedule(permit.project(), id).await?;
        let schedule = found.ok_or(ScheduleError::NotFound(id))?;
        if self.maker_as_principal(&schedule).await?.is_none() {
            return Err(ScheduleError::MakerGone.into());
        }
        let next = schedule.timetable.next_after(self.now()).map_err(ScheduleError::from)?;
        let event = self.event(caller, permit.action(), resource(id), "resumed");
        let resumed = self.parts.schedules.set_schedule_next(permit.project(), id, Some(next), event).await?;
        Ok(resumed.ok_or(ScheduleError::NotFound(id))?)
    }

    /// Removes a schedule. Tasks that it has submitted stay.
    pub async fn remove_schedule(&self, caller: &Caller, id: ScheduleId) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RemoveSchedule>(caller, &resource(id)).await?;
        let event = self.event(caller, permit.action(), resource(id), "removed");
        let done = self.parts.schedules.remove_schedule(permit.project(), id, event).await?;
        if done { Ok(()) } else { Err(ScheduleError::NotFound(id).into()) }
    }

    /// Carries out what is due.
    async fn fire_due(&self) -> Result<(), ControlError> {
        loop {
            let due = self.parts.schedules.due_schedules(self.now(), ROUND_MAX).await?;
            let all = due.len() < ROUND_MAX as usize;
            let mut failed = None;
            for schedule in due {
                if self.stopping.is_cancelled() {
                    return Ok(());
                }
                // What is wrong with one keeps no other waiting.
                if let Err(error) = self.fire(&schedule).await {
                    tracing::warn!(schedule = %schedule.id, "a time of a schedule will be tried again");
                    failed = Some(error);
                }
            }
            match failed {
                Some(error) => return Err(error),
                None if all => return Ok(()),
                None => {}
            }
        }
    }

    /// Carries out one time of a schedule. Times that were missed meanwhile are made up for by this one.
    async fn fire(&self, schedule: &Schedule) -> Result<(), ControlError> {
        let Some(due) = schedule.next else { return Ok(()) };
        let (what, next) = match schedule.timetable.next_after(self.now().max(due)) {
            Ok(next) => (self.firing_of(schedule, due).await?, Some(next)),
            Err(error) => {
                let reason = error.to_string();
                let event = self.halted(schedule, &reason);
                (FiringOf::Halt(reason, event), None)
            }
        };
        let firing = Firing { schedule: schedule.id, due, next, what };
        match self.parts.schedules.fire(&firing).await? {
            Fired::Submitted(task) => {
                metrics::counter!("casemate_schedule_firings_total", "outcome" => "submitted").increment(1);
                self.submitted(&task);
            }
            Fired::Nothing(reason) => {
                metrics::counter!("casemate_schedule_firings_total", "outcome" => "nothing").increment(1);
                tracing::debug!(schedule = %schedule.id, reason, "a time of a schedule gave no task");
            }
            Fired::Lost => {}
        }
        Ok(())
    }

    async fn firing_of(&self, schedule: &Schedule, due: Timestamp) -> Result<FiringOf, ControlError> {
        let request = RequestId::generate(self.now(), self.entropy());
        let Some(principal) = self.maker_as_principal(schedule).await? else {
            let reason = ScheduleError::MakerGone.to_string();
            let event = self.halted(schedule, &reason);
            return Ok(FiringOf::Halt(reason, event));
        };
        let caller = Caller::new(principal, request, None);
        let mut wanted = schedule.task.clone();
        if schedule.overlap == Overlap::Skip {
            wanted.plan.key = format!("{SCHEDULE_KEYS}{}", schedule.id).parse().ok();
        }
        match self.prepare_task(&caller, wanted, None).await {
            Ok((task, mut event)) => {
                event.details.push(("schedule".to_owned(), schedule.id.to_string()));
                event.details.push(("time".to_owned(), due.to_string()));
                Ok(FiringOf::Task(Box::new(task), event))
            }
            // The store is away: this time is tried again, as it has not passed.
            Err(error) if error.may_pass() => Err(error),
            Err(ControlError::Denied(denied)) => {
                let reason = format!("whoever made it may not submit it any more: {denied}");
                let event = self.halted(schedule, &reason);
                Ok(FiringOf::Halt(reason, event))
            }
            Err(error) => Ok(FiringOf::Nothing(error.to_string())),
        }
    }

    /// In whose name a schedule submits, if that may do anything yet.
    async fn maker_as_principal(&self, schedule: &Schedule) -> Result<Option<Principal>, ControlError> {
        match schedule.maker.parse::<Maker>() {
            Ok(maker) => self.principal_of(maker, &schedule.project).await,
            Err(_) => Ok(None),
        }
    }

    fn halted(&self, schedule: &Schedule, reason: &str) -> casemate_ledger::Event {
        let caller = self.node_caller(&schedule.project);
        self.event(&caller, "schedules.halt", resource(schedule.id), reason)
    }
}

/// Refuses what could be submitted once only.
fn check(task: &SubmitTask) -> Result<(), ScheduleError> {
    let is_output = |input: &TaskInput| matches!(input, TaskInput::Output(..));
    let of_one_time = [
        ("after", !task.after.is_empty()),
        ("plan/not_before", task.plan.not_before.is_some()),
        ("plan/key", task.plan.key.is_some()),
        ("stdin", task.stdin.as_ref().is_some_and(is_output)),
        ("inputs", task.inputs.iter().any(|(_, input)| is_output(input))),
    ];
    match of_one_time.into_iter().find(|(_, there)| *there) {
        Some((what, _)) => Err(ScheduleError::OfOneTime(what)),
        None => Ok(()),
    }
}

fn resource(id: ScheduleId) -> Resource {
    Resource::one("schedule", id)
}
