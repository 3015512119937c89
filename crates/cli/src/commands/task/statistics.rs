use casemate_api::tasks::{TaskHour, TaskTypeDetails};
use clap::Args;

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// Show how many tasks are in each state, and what came of those that ended, hour by hour.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task statistics
  casemate task statistics --hours 168 --json | jq '[.hours[].failed] | add'")]
pub(crate) struct Statistics {
    /// How many hours back, 1 to 840.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=840))]
    hours: u32,
}

impl Statistics {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let statistics = client.tasks_statistics(self.hours).await?;
        if output.json() {
            output.value(&statistics)?;
            return Ok(Status::Done);
        }
        let states = statistics.states.iter().map(|(state, count)| format!("{} {count}", state.as_str()));
        let states: Vec<_> = states.collect();
        output.note(&format!(
            "now: {}",
            if states.is_empty() { "no tasks".to_owned() } else { states.join(", ") }
        ));
        if statistics.hours.is_empty() {
            output.note(&format!("no task ended in the last {} hours", self.hours));
        }
        let columns = [
            Column::Text("hour"),
            Column::Number("succeeded"),
            Column::Number("failed"),
            Column::Number("cancelled"),
            Column::Number("timed out"),
            Column::Number("dead"),
            Column::Number("mean wait"),
            Column::Number("mean run"),
        ];
        output.rows(&columns, statistics.hours.iter().map(row).collect())?;
        Ok(Status::Done)
    }
}

fn row(hour: &TaskHour) -> Vec<String> {
    let counts = [hour.succeeded, hour.failed, hour.cancelled, hour.timed_out, hour.dead];
    let mean =
        |sum: u64| sum.checked_div(hour.runs).map_or_else(|| "-".to_owned(), |mean| format!("{mean} ms"));
    let counts = counts.iter().map(ToString::to_string);
    [hour.hour.clone()].into_iter().chain(counts).chain([mean(hour.queue_ms), mean(hour.run_ms)]).collect()
}

/// List types of tasks, and what a submission of each may hold.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task types
  casemate task types --json | jq '.types[0].limits_max'")]
pub(crate) struct Types {}

impl Types {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let types = client.tasks_types().await?;
        if output.json() {
            output.value(&types)?;
            return Ok(Status::Done);
        }
        for kind in &types.types {
            output.fields(&fields(kind))?;
        }
        Ok(Status::Done)
    }
}

fn fields(kind: &TaskTypeDetails) -> Vec<(&'static str, String)> {
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    vec![
        ("type", kind.name.clone()),
        ("is", kind.description.clone()),
        ("module", format!("at most {}", mib(kind.module_bytes_max))),
        ("inputs", format!("at most {} files, {} together", kind.input_files_max, mib(kind.input_bytes_max))),
        ("arguments", format!("at most {}, {} KiB together", kind.texts_max, kind.text_bytes_max >> 10)),
        ("variables", format!("at most {}, {} KiB together", kind.texts_max, kind.text_bytes_max >> 10)),
        ("needs", format!("at most {} tasks", kind.needs_max)),
        ("wall", format!("{} ms, at most {} ms", kind.limits_default.wall_ms, kind.limits_max.wall_ms)),
        (
            "memory",
            format!(
                "{}, at most {}",
                mib(kind.limits_default.memory_bytes),
                mib(kind.limits_max.memory_bytes)
            ),
        ),
        ("fuel", format!("{}, at most {}", kind.limits_default.fuel, kind.limits_max.fuel)),
    ]
}
