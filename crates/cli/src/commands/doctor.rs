mod checks;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// See whether this machine can run guests safely, and how the node is.
///
/// A worker is started as the node would, to see which walls really stand around it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate doctor
  casemate doctor --json | jq '.[] | select(.status != \"ok\")'

Ends with code 1 if anything has failed.")]
pub(crate) struct Doctor {}

/// One thing that was looked at.
struct Finding {
    name: &'static str,
    status: Health,
    /// What was found.
    detail: String,
    /// What to do about it.
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Ok,
    Warn,
    Fail,
}

impl Health {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Health::Ok, detail: detail.into(), fix: None }
    }

    fn warn(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, status: Health::Warn, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn fail(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, status: Health::Fail, detail: detail.into(), fix: Some(fix.into()) }
    }
}

impl Doctor {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let mut findings = vec![checks::kernel(), checks::memory(), checks::disk(context)?, checks::kvm()];
        findings.extend(checks::walls().await?);
        findings.extend(checks::node(context).await?);
        let failed = findings.iter().any(|finding| finding.status == Health::Fail);
        if context.output.json() {
            let values = findings.iter().map(|finding| {
                json!({
                    "name": finding.name, "status": finding.status.word(),
                    "detail": finding.detail, "fix": finding.fix,
                })
            });
            context.output.value(&values.collect::<Vec<_>>())?;
        } else {
            say(context, findings)?;
        }
        Ok(if failed { Status::Failed } else { Status::Done })
    }
}

fn say(context: &Context, findings: Vec<Finding>) -> Result<(), CliError> {
    let fixes: Vec<String> = findings
        .iter()
        .filter_map(|finding| finding.fix.as_ref().map(|fix| format!("{}: {fix}", finding.name)))
        .collect();
    let rows = findings
        .into_iter()
        .map(|finding| vec![finding.status.word().to_owned(), finding.name.to_owned(), finding.detail]);
    context.output.rows(&["status", "what", "found"].map(Column::Text), rows.collect())?;
    for fix in fixes {
        context.output.note(&format!("fix: {fix}"));
    }
    Ok(())
}
