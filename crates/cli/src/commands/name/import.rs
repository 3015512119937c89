//! `casemate name import`: names of the earlier registry.

mod records;

use std::io::ErrorKind::InvalidData;
use std::path::PathBuf;

use casemate_api::names::ClaimName;
use casemate_api::objects::ObjectRef;
use casemate_api::{Client, ClientError, ProblemCode};
use casemate_fs::Dir;
use casemate_model::{BucketName, Clock as _, ObjectKey};
use clap::Args;

use crate::commands::media_type_of;
use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;
use crate::transfer::{Source, upload};
use crate::world::SystemClock;

use records::{Candidate, Fate, Outcome, is_content, plan, read};

/// Most bytes of a file with records, and of one content.
const RECORDS_BYTES_MAX: u64 = 256 << 20;
const CONTENT_BYTES_MAX: u64 = 100 << 20;

/// Take over names of the earlier registry.
///
/// FILE is its records as JSON: a list, an object whose values they are, or one a line. Each is sorted into what can be claimed, what
/// conflicts with another, what has expired, what is taken, and what is no name here, with the reason. Nothing is changed
/// without --to: then each name that is free is claimed, and means its record, which is stored as BUCKET/NAME/record.json;
/// with --content, the contents that it names are stored beside it, if they are what their ids say.
///
/// Names keep their words and lose their capital letters. Of several that are one name now, or look like one, the one
/// that was registered first gets it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name import records.json                                    say what would become of each
  casemate name import records.json --json | jq '.[] | select(.outcome == \"conflict\")'
  casemate name import records.json --to imported --content blobs      and claim what is free

Ends with code 1 if any record conflicts, is taken or refused, or content is missing.")]
pub(crate) struct Import {
    /// The records.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The bucket for records and content. Without it nothing is changed.
    #[arg(long, value_name = "BUCKET")]
    to: Option<BucketName>,
    /// A directory with contents, each in a file named by its id.
    #[arg(long, value_name = "DIR", requires = "to")]
    content: Option<PathBuf>,
}

impl Import {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let bytes = casemate_fs::read_config_file(&self.file, RECORDS_BYTES_MAX)?;
        let path = || self.file.display().to_string();
        let unread =
            |error| CliError::Input { what: path(), source: std::io::Error::new(InvalidData, error) };
        let values = read(&bytes).map_err(unread)?;
        let (mut fates, candidates) = plan(values, SystemClock.now());
        let content = self.content.as_deref().map(Dir::open).transpose()?;
        for candidate in candidates {
            let fate = &mut fates[candidate.index];
            match &self.to {
                None => look(&client, &candidate, fate).await?,
                Some(bucket) => {
                    let taking = Taking { context, client: &client, bucket, content: content.as_ref() };
                    taking.take(&candidate, fate).await?;
                }
            }
        }
        let is_whole = fates.iter().all(|fate| {
            matches!(fate.outcome, Outcome::New | Outcome::Imported | Outcome::Expired)
                && fate.missing.is_empty()
        });
        if output.json() {
            output.value(&fates)?;
        } else {
            report(context, fates)?;
        }
        Ok(if is_whole { Status::Done } else { Status::Failed })
    }
}

/// Says whether a name is free, as who decides sees it now.
async fn look(client: &Client, candidate: &Candidate, fate: &mut Fate) -> Result<(), CliError> {
    let check = client.names_check(candidate.name.as_str()).await?;
    if !check.free {
        (fate.outcome, fate.reason) = (Outcome::Taken, check.reason);
    }
    Ok(())
}

/// What taking over needs beside the record.
struct Taking<'a> {
    context: &'a Context,
    client: &'a Client,
    bucket: &'a BucketName,
    content: Option<&'a Dir>,
}

impl Taking<'_> {
    /// Stores what belongs to a name and claims it.
    async fn take(&self, candidate: &Candidate, fate: &mut Fate) -> Result<(), CliError> {
        let name = candidate.name.as_str();
        look(self.client, candidate, fate).await?;
        if fate.outcome != Outcome::New {
            return Ok(());
        }
        if let Some(content) = self.content {
            for (path, cid) in &candidate.record.content_mappings {
                if !self.store_content(name, path, (content, cid)).await? {
                    fate.missing.push(format!("{path}: {cid}"));
                }
            }
        }
        let record =
            serde_json::to_vec_pretty(&candidate.whole).expect("what was read as JSON is written as such");
        let Some(digest) = self.store(name, "record.json", record, "application/json").await? else {
            (fate.outcome, fate.reason) =
                (Outcome::Refused, Some("its record has no place in the bucket".to_owned()));
            return Ok(());
        };
        let claim = ClaimName { name: name.to_owned(), digest, dns: None, tags: vec!["imported".to_owned()] };
        match self.client.names_claim(&claim).await {
            Ok(_) => fate.outcome = Outcome::Imported,
            // Somebody was first in the meantime, or it is not to be had.
            Err(ClientError::Problem(problem)) if is_refusal(problem.code) => {
                (fate.outcome, fate.reason) = (Outcome::Taken, Some(problem.detail));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Stores one content, if it is there and is what its id says.
    async fn store_content(
        &self,
        name: &str,
        path: &str,
        (content, cid): (&Dir, &str),
    ) -> Result<bool, CliError> {
        let plain =
            !cid.is_empty() && cid.len() <= 64 && cid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let bytes = match plain.then(|| content.read_bounded(cid, CONTENT_BYTES_MAX)) {
            Some(Ok(bytes)) if is_content(cid, &bytes) => bytes,
            _ => return Ok(false),
        };
        let kind = media_type_of(path);
        let path = path.trim_start_matches('/');
        Ok(self.store(name, &format!("content/{path}"), bytes, kind).await?.is_some())
    }

    /// Stores bytes below a name; `None` if that is no key.
    async fn store(
        &self,
        name: &str,
        path: &str,
        bytes: Vec<u8>,
        kind: &str,
    ) -> Result<Option<String>, CliError> {
        let Ok(key) = format!("{name}/{path}").parse::<ObjectKey>() else { return Ok(None) };
        let object = ObjectRef { bucket: self.bucket.to_string(), key: key.to_string() };
        let source = Source::bytes(path, bytes);
        Ok(Some(upload(self.client, &object, source, kind, self.context.output).await?.digest))
    }
}

fn is_refusal(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::NameTaken | ProblemCode::Denied | ProblemCode::NotOwner | ProblemCode::Conflict
    )
}

fn report(context: &Context, fates: Vec<Fate>) -> Result<(), CliError> {
    let output = context.output;
    let count = |outcome: Outcome| fates.iter().filter(|fate| fate.outcome == outcome).count();
    let counts = [
        Outcome::New,
        Outcome::Imported,
        Outcome::Conflict,
        Outcome::Taken,
        Outcome::Expired,
        Outcome::Refused,
    ]
    .map(|outcome| format!("{} {}", count(outcome), outcome.as_str()))
    .join(", ");
    for Fate { record, missing, .. } in &fates {
        for one in missing {
            output.note(&format!("missing: {record}: {one}"));
        }
    }
    let columns =
        [Column::Text("record"), Column::Text("name"), Column::Text("outcome"), Column::Text("reason")];
    let rows = fates.into_iter().map(|fate| {
        let outcome = fate.outcome.as_str().to_owned();
        vec![fate.record, fate.name.unwrap_or_default(), outcome, fate.reason.unwrap_or_default()]
    });
    output.rows(&columns, rows.collect())?;
    output.note(&counts);
    Ok(())
}
