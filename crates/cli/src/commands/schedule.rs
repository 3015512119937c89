//! `casemate schedule`: tasks that are submitted again and again.

use casemate_api::schedules::{CreateSchedule, Overlap, Schedule as Shown, ScheduleState};
use casemate_api::tasks::ModuleSource;
use casemate_api::{Client, PageRequest};
use casemate_model::ScheduleId;
use casemate_tasks::SCHEDULES_MAX;
use clap::{Args, Subcommand};

use super::run::Work;
use crate::context::Context;
use crate::output::Output;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Submit a task again and again, at the times of a timetable.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    Add(Box<Add>),
    #[command(visible_alias = "list")]
    Ls(List),
    Show(Show),
    Pause(Pause),
    Resume(Resume),
    #[command(visible_alias = "remove")]
    Rm(Remove),
}

impl Schedule {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Add(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Pause(command) => command.execute(context).await,
            Self::Resume(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
        }
    }
}

/// Add a schedule. Its tasks are submitted in your name, with what you may do then. Prints its id.
///
/// The timetable has five fields as cron has them (minute, hour, day of the month, month, day of the week), or six with seconds
/// first. Times that are missed while no server runs are made up for by one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate schedule add nightly '0 3 * * *' report.tools --zone Europe/Vienna
  casemate schedule add pulse '*/10 * * * * *' cm://modules/pulse.wasm --overlap -- --short
  casemate schedule add weekly '30 6 * * mon' report.wasm --input cm://books/moby-dick.txt --attempts 5")]
pub(crate) struct Add {
    /// What to call it.
    name: String,
    /// The timetable.
    cron: String,
    /// The time zone, by its IANA name.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Submit another task also while the one before is open; otherwise nothing is submitted then.
    #[arg(long)]
    overlap: bool,
    #[command(flatten)]
    work: Work,
}

impl Add {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let wanted = CreateSchedule {
            name: self.name.clone(),
            cron: self.cron.clone(),
            zone: self.zone.clone(),
            overlap: if self.overlap { Overlap::Allow } else { Overlap::Skip },
            task: self.work.request(&client, false, output).await?,
        };
        let made = client.schedules_create(&wanted).await?;
        if output.json() {
            output.value(&made)?;
            return Ok(Status::Done);
        }
        output.note(&format!("{} runs next at {}", made.name, made.next.as_deref().unwrap_or("no time")));
        output.line(&made.id)?;
        Ok(Status::Done)
    }
}

/// List schedules.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate schedule ls
  casemate schedule ls --json | jq -r '.[] | select(.reason) | [.name, .reason] | @tsv'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let read = |page| async move { client.schedules_list(&page).await };
        let schedules = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&schedules)?;
            return Ok(Status::Done);
        }
        if schedules.is_empty() {
            output.note("no schedules yet; `casemate schedule add NAME '0 3 * * *' MODULE` makes one");
        }
        let rows = schedules.into_iter().map(|schedule| {
            let next = schedule.next.unwrap_or_else(|| schedule.state.as_str().to_owned());
            let last = schedule.last_task.unwrap_or_else(|| "-".to_owned());
            vec![schedule.id, schedule.name, schedule.cron, schedule.zone, next, last]
        });
        let columns = ["schedule", "name", "timetable", "zone", "next", "last task"].map(Column::Text);
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// A schedule as people name it.
#[derive(Clone, Debug)]
struct Wanted(String);

impl From<&str> for Wanted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Wanted {
    /// Its id; that of what is called so, if it is no id itself.
    async fn id(&self, client: &Client) -> Result<String, CliError> {
        let Self(text) = self;
        if text.parse::<ScheduleId>().is_ok() {
            return Ok(text.clone());
        }
        let mut page = PageRequest { limit: Some(SCHEDULES_MAX), after: None };
        loop {
            let listed = client.schedules_list(&page).await?;
            if let Some(found) = listed.items.into_iter().find(|schedule| schedule.name == *text) {
                return Ok(found.id);
            }
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return Err(CliError::NoSchedule { name: text.clone() }),
            }
        }
    }
}

/// Show a schedule.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate schedule show nightly
  casemate schedule show sch_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Show {
    /// The schedule's id or name.
    #[arg(value_name = "SCHEDULE")]
    schedule: Wanted,
}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let schedule = client.schedules_show(&self.schedule.id(&client).await?).await?;
        show(context.output, &schedule)
    }
}

/// Have a schedule submit nothing until it is resumed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate schedule pause nightly
  casemate schedule pause sch_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Pause {
    /// The schedule's id or name.
    #[arg(value_name = "SCHEDULE")]
    schedule: Wanted,
}

impl Pause {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let schedule = client.schedules_pause(&self.schedule.id(&client).await?).await?;
        said(context.output, &schedule, &format!("{} is paused", schedule.name))
    }
}

/// Have a schedule go on with its next time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate schedule resume nightly")]
pub(crate) struct Resume {
    /// The schedule's id or name.
    #[arg(value_name = "SCHEDULE")]
    schedule: Wanted,
}

impl Resume {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let schedule = client.schedules_resume(&self.schedule.id(&client).await?).await?;
        let next = schedule.next.clone().unwrap_or_default();
        said(context.output, &schedule, &format!("{} runs next at {next}", schedule.name))
    }
}

/// Remove a schedule. Tasks that it has submitted stay.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate schedule rm nightly")]
pub(crate) struct Remove {
    /// The schedule's id or name.
    #[arg(value_name = "SCHEDULE")]
    schedule: Wanted,
}

impl Remove {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let id = self.schedule.id(&client).await?;
        client.schedules_remove(&id).await?;
        context.output.note(&format!("removed {}", self.schedule.0));
        Ok(Status::Done)
    }
}

fn said(output: Output, schedule: &Shown, text: &str) -> Result<Status, CliError> {
    if output.json() {
        output.value(schedule)?;
    } else {
        output.note(text);
    }
    Ok(Status::Done)
}

fn show(output: Output, schedule: &Shown) -> Result<Status, CliError> {
    if output.json() {
        output.value(schedule)?;
        return Ok(Status::Done);
    }
    let none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let module = match &schedule.task.module {
        ModuleSource::Digest(digest) => digest.clone(),
        ModuleSource::Name(name) => name.name.clone(),
        ModuleSource::Object(object) => format!("cm://{}/{}", object.bucket, object.key),
    };
    let overlap = match schedule.overlap {
        Overlap::Skip => "nothing is submitted while the task before is open",
        Overlap::Allow => "another task is submitted while the one before is open",
    };
    let mut fields = vec![
        ("schedule", schedule.id.clone()),
        ("name", schedule.name.clone()),
        ("timetable", format!("{} in {}", schedule.cron, schedule.zone)),
        ("state", schedule.state.as_str().to_owned()),
        ("next", none(&schedule.next)),
        ("last", none(&schedule.last)),
        ("last task", none(&schedule.last_task)),
        ("overlap", overlap.to_owned()),
        ("module", module),
        ("arguments", schedule.task.args.join(" ")),
        ("in the name of", schedule.actor.clone()),
        ("created", schedule.created.clone()),
    ];
    if let Some(reason) = &schedule.reason {
        fields.insert(4, ("reason", reason.clone()));
    }
    output.fields(&fields)?;
    if schedule.state == ScheduleState::Halted {
        output.note(&format!(
            "`casemate schedule resume {}` has it go on, if the reason is gone; otherwise add it again in your name",
            schedule.id
        ));
    }
    Ok(Status::Done)
}
