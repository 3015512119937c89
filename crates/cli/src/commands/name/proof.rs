use std::io::Write;
use std::path::PathBuf;

use casemate_ledger::verify::verify_name;
use casemate_model::Name as NameText;
use clap::Args;

use crate::context::Context;
use crate::known::Memory;
use crate::proofs::{agree, until_ready};
use crate::report::{CliError, Status};

/// Fetch what proves what a name means, without node or network.
///
/// The signed record, the log entry that names it, the proof that the log has the entry, and the log's signed checkpoint, as one text.
///
/// What came is checked. If `casemate verify` has seen the log before, the node also proves that it only grew since then.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name proof wordcount.tools -o wordcount.proof
  casemate name proof wordcount.tools --version 3 > old.proof
  casemate verify wordcount.proof")]
pub(crate) struct Proof {
    /// The name.
    name: NameText,
    /// The version to prove; the newest unless given.
    #[arg(long, value_name = "VERSION")]
    version: Option<u64>,
    /// Where to; standard output unless given.
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Proof {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let client = context.client()?;
        let (name, version) = (self.name.as_str(), self.version);
        let bundle = until_ready(|| client.names_prove(name, version)).await?;
        let label = format!("the proof of `{name}`");
        let refused = |source| CliError::Refused { what: label.clone(), source };
        let report = verify_name(bundle.as_bytes(), None, None).map_err(refused)?;
        agree(&client, &Memory::open()?, (&report.key, &report.checkpoint), &label).await?;
        match &self.output {
            Some(file) => {
                let label = file.display().to_string();
                let mut file = casemate_fs::create_user_file(file)?;
                file.write_all(bundle.as_bytes())
                    .map_err(|source| CliError::Write { what: format!("`{label}`"), source })?;
                file.commit()?;
                context.output.note(&format!("proof in {label}; `casemate verify {label}` checks it"));
            }
            None => context.output.data(bundle.as_bytes())?,
        }
        Ok(Status::Done)
    }
}
