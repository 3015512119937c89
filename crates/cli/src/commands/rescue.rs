use std::path::{Path, PathBuf};

use casemate_remote::Unusable;
use casemate_remote::deltaglider::{DeltaGlider, DeltaGliderError, Listing, LogicalKey, Restored};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::remote::{BucketOptions, RemoteAddress, StoreOptions, Tree};
use crate::report::{CliError, Status, chain};
use crate::tables::Column;

/// Bring back archives that Python DeltaGlider stored and cannot give back.
///
/// It unpacked them before it compared. They are packed again as their reference was, and kept only if their hash is the
/// one that was stored. The bucket is read and not changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate rescue s3://releases                      say what can be brought back
  casemate rescue s3://releases/app/ --to restored   and write all of it

Ends with code 1 if anything stays lost.")]
pub(crate) struct Rescue {
    /// s3://BUCKET, s3://BUCKET/PREFIX or s3://BUCKET/KEY.
    address: RemoteAddress,
    /// The directory for what is brought back. Without it nothing is written.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    buckets: BucketOptions,
}

/// How an object fares.
#[derive(Debug, Serialize)]
struct Fate {
    address: String,
    /// `healthy`, `rescued` or `lost`.
    state: &'static str,
    size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Rescue {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let engine = self.buckets.open(context, &self.address)?;
        let Listing { objects, unusable } = engine.list(&self.address.rest).await?;
        if objects.is_empty() && unusable.is_empty() {
            return Err(CliError::Nothing { address: self.address.to_string() });
        }
        let lost = |Unusable { key, reason }: Unusable| Fate {
            address: self.address.at(&key).to_string(),
            state: "lost",
            size_bytes: 0,
            reason: Some(reason),
        };
        let mut fates: Vec<Fate> = unusable.into_iter().map(lost).collect();
        for object in objects {
            let fate = self.rescue(context, &engine, &object.key).await?;
            fates.push(Fate { address: self.address.at(&object.key).to_string(), ..fate });
        }
        let is_lost = fates.iter().any(|fate| fate.state == "lost");
        for Fate { address, reason, .. } in &fates {
            if let Some(reason) = reason {
                context.output.note(&format!("lost: {address}: {reason}"));
            }
        }
        if context.output.json() {
            context.output.value(&fates)?;
        } else {
            let columns = [Column::Text("object"), Column::Text("state"), Column::Number("bytes")];
            let rows = fates
                .into_iter()
                .map(|fate| vec![fate.address, fate.state.to_owned(), fate.size_bytes.to_string()]);
            context.output.rows(&columns, rows.collect())?;
        }
        Ok(if is_lost { Status::Failed } else { Status::Done })
    }

    async fn rescue(&self, context: &Context, engine: &DeltaGlider, key: &str) -> Result<Fate, CliError> {
        let fate = |state, size_bytes, reason| Fate { address: String::new(), state, size_bytes, reason };
        match restore(engine, key).await {
            Ok((state, restored)) => {
                let size_bytes = restored.bytes.len();
                match &self.to {
                    Some(root) => match write(context, root, key, restored).await {
                        Ok(()) => Ok(fate(state, size_bytes, None)),
                        Err(error) if error.is_of_one_file() => Ok(fate("lost", 0, Some(chain(&error)))),
                        Err(error) => Err(error),
                    },
                    None => Ok(fate(state, size_bytes, None)),
                }
            }
            // The next ones would fail alike.
            Err(error) if !error.is_of_one_object() => Err(error.into()),
            Err(error) => Ok(fate("lost", 0, Some(chain(&error)))),
        }
    }
}

async fn restore(engine: &DeltaGlider, key: &str) -> Result<(&'static str, Restored), DeltaGliderError> {
    let key = LogicalKey::parse(key)?;
    match engine.get(&key).await {
        Err(DeltaGliderError::NeedsRescue { .. }) => Ok(("rescued", engine.rescue(&key).await?)),
        got => Ok(("healthy", got?)),
    }
}

async fn write(context: &Context, root: &Path, key: &str, restored: Restored) -> Result<(), CliError> {
    Tree::Files(root.to_owned()).write(key, restored.bytes, &StoreOptions::default()).await?;
    context.output.note(&format!("wrote {}", root.join(key).display()));
    Ok(())
}
