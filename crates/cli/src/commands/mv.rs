use clap::Args;

use super::transfer_options::TransferOptions;
use crate::context::Context;
use crate::remote::{Place, conclude, copy_many, copy_one};
use crate::report::{CliError, Status};

/// Move files and objects between this machine, a node and buckets elsewhere.
///
/// Each is removed from its old place when its copy was verified and stored.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate mv app-1.4.zip s3://releases/app/
  casemate mv s3://releases/app/old.zip s3://archive/app/
  casemate mv -r s3://releases/app/ s3://archive/app/ --dryrun")]
pub(crate) struct Mv {
    /// A file, or an address such as s3://BUCKET/KEY or cm://BUCKET/KEY.
    source: String,
    /// A file or directory, or an address.
    target: String,
    /// Move everything below the source.
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    transfer: TransferOptions,
}

impl Mv {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (source, target) = (Place::parse(&self.source)?, Place::parse(&self.target)?);
        if source == Place::Pipe || target == Place::Pipe {
            return Err(CliError::NotMany);
        }
        // Two names may be one file, which would be gone.
        if source.is_on_this_machine() && target.is_on_this_machine() {
            return Err(CliError::MoveHere);
        }
        let copier = self.transfer.copier(context, None, true);
        let opener = self.transfer.opener(context);
        let moved = if self.recursive {
            copy_many(&copier, &opener, (&source, &target), &self.transfer.filter).await?
        } else {
            copy_one(&copier, &opener, (&source, &target)).await?
        };
        if context.output.json() {
            context.output.value(&moved)?;
        }
        Ok(conclude(context.output, &moved))
    }
}
