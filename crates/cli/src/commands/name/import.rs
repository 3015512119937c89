//! `casemate name import`: names of the earlier registry.

mod records;

use std::collections::BTreeSet;
use std::io::ErrorKind::InvalidData;
use std::path::PathBuf;
use std::time::Duration;

use casemate_api::names::ClaimName;
use casemate_api::objects::ObjectRef;
use casemate_api::{Client, ClientError, ProblemCode};
use casemate_fs::Dir;
use casemate_model::{BucketName, Clock as _, Digest, ObjectKey};
use clap::Args;

use crate::commands::media_type_of;
use crate::context::Context;
use crate::report::{CliError, Status};
use crate::stdin::read_file_or_stdin;
use crate::tables::Column;
use crate::transfer::{Source, upload};
use crate::world::SystemClock;

use records::{Candidate, Fate, Outcome, is_content, plan, read};

/// Most bytes of a file with records, and of one content.
const RECORDS_BYTES_MAX: u64 = 256 << 20;
const CONTENT_BYTES_MAX: u64 = 100 << 20;

/// Seconds to wait when the node says that it was asked too much: two minutes in all.
const WAITS: [u64; 6] = [2, 5, 10, 20, 40, 43];

/// Take over names of the earlier registry.
///
/// FILE is its records as JSON: a list, an object whose values they are, or one a line. Each is sorted into what can be claimed, what
/// conflicts with another, what has expired, what is taken, and what is no name here, with the reason. Nothing is changed
/// without --to: then each name that is free is claimed, and means its record, which is stored as BUCKET/NAME/record.json;
/// with --content, the contents that it names are stored beside it, if they are what their ids say; while some are missing, the name
/// is left alone. It can be repeated: what was imported stays so, and what is new is added.
///
/// Names keep their words and lose their capital letters. Of several that are one name now, or look like one, the one
/// that was registered first gets it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate name import records.json                                    say what would become of each
  casemate name import records.json --json | jq '.[] | select(.outcome == \"conflict\")'
  casemate name import records.json --to imported --content blobs      and claim what is free

Ends with code 1 if any record conflicts, is taken, refused or incomplete.")]
pub(crate) struct Import {
    /// The records; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The bucket for records and content. Without it nothing is changed.
    #[arg(long, value_name = "BUCKET")]
    to: Option<BucketName>,
    /// A directory with contents, each in a file named by its id.
    #[arg(long, value_name = "DIR", requires = "to")]
    content: Option<PathBuf>,
    /// Claim names even if content of theirs is missing.
    #[arg(long, requires = "content")]
    with_missing: bool,
}

impl Import {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (what, bytes) = read_file_or_stdin(&self.file, RECORDS_BYTES_MAX)?;
        let unread = |error| CliError::Input { what, source: std::io::Error::new(InvalidData, error) };
        let values = read(&bytes).map_err(unread)?;
        let (mut fates, candidates) = plan(values, SystemClock.now());
        let content = self.content.as_deref().map(Dir::open).transpose()?;
        let taking = Taking {
            context,
            client: &client,
            bucket: self.to.as_ref(),
            content: content.as_ref(),
            with_missing: self.with_missing,
        };
        let mut broken = None;
        for candidate in candidates {
            if let Err(error) =
                patiently(async || taking.take(&candidate, &mut fates[candidate.index]).await).await
            {
                broken = Some(error);
                break;
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
        if let Some(error) = broken {
            output.note("broken off: what is said to be new was not looked at; begin again to go on");
            return Err(error);
        }
        Ok(if is_whole { Status::Done } else { Status::Failed })
    }
}

/// Does something again for as long as the node says that it was asked too much.
async fn patiently<T>(mut work: impl AsyncFnMut() -> Result<T, CliError>) -> Result<T, CliError> {
    for wait in WAITS {
        match work().await {
            Err(CliError::Client(ClientError::Problem(problem)))
                if problem.code == ProblemCode::RateLimited =>
            {
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            other => return other,
        }
    }
    work().await
}

/// What taking over needs beside the record.
struct Taking<'a> {
    context: &'a Context,
    client: &'a Client,
    /// Without it nothing is changed.
    bucket: Option<&'a BucketName>,
    content: Option<&'a Dir>,
    with_missing: bool,
}

impl Taking<'_> {
    /// Sees what can become of a record, and does that. What the node says of one record does not stop the others.
    async fn take(&self, candidate: &Candidate, fate: &mut Fate) -> Result<(), CliError> {
        fate.missing.clear();
        let done = match self.bucket {
            Some(bucket) => self.take_to(bucket, candidate, fate).await,
            None => self.look(candidate, fate).await,
        };
        match done {
            Err(CliError::Client(ClientError::Problem(problem))) if is_about_one(problem.code) => {
                (fate.outcome, fate.reason) = (Outcome::Failed, Some(problem.detail));
                Ok(())
            }
            done => done,
        }
    }

    /// Says whether a name is free, as who decides sees it now.
    async fn look(&self, candidate: &Candidate, fate: &mut Fate) -> Result<(), CliError> {
        if self.is_imported(candidate).await? == Some(true) {
            fate.outcome = Outcome::Imported;
            return Ok(());
        }
        let check = self.client.names_check(candidate.name.as_str()).await?;
        if !check.free {
            (fate.outcome, fate.reason) = (Outcome::Taken, check.reason);
        }
        Ok(())
    }

    /// Stores what belongs to a name and claims it.
    async fn take_to(
        &self,
        bucket: &BucketName,
        candidate: &Candidate,
        fate: &mut Fate,
    ) -> Result<(), CliError> {
        let name = candidate.name.as_str();
        let imported = self.is_imported(candidate).await?;
        if imported == Some(false) {
            let reason = "it is held, and means something else".to_owned();
            (fate.outcome, fate.reason) = (Outcome::Taken, Some(reason));
            return Ok(());
        }
        if let Some(content) = self.content {
            let mut places = BTreeSet::new();
            for (path, cid) in &candidate.record.content_mappings {
                let place = path.trim_start_matches('/');
                let is_plain = place.split('/').all(|part| !matches!(part, "" | "." | ".."));
                if !is_plain || !places.insert(place) {
                    fate.missing
                        .push(format!("{path}: nothing can be stored there, or it is where another is"));
                    continue;
                }
                if !self.store_content(bucket, name, path, (content, cid)).await? {
                    fate.missing.push(format!("{path}: {cid}"));
                }
            }
        }
        if imported == Some(true) {
            fate.outcome = Outcome::Imported;
            return Ok(());
        }
        if !fate.missing.is_empty() && !self.with_missing {
            fate.outcome = Outcome::Incomplete;
            return Ok(());
        }
        let Some(digest) =
            self.store(bucket, name, "record.json", bytes_of(candidate), "application/json").await?
        else {
            (fate.outcome, fate.reason) =
                (Outcome::Refused, Some("its record has no place in the bucket".to_owned()));
            return Ok(());
        };
        let claim = ClaimName {
            name: name.to_owned(),
            digest,
            dns: None,
            tags: vec!["imported".to_owned()],
            nonce: None,
        };
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

    /// Whether a name that is held means its record, as it does since an import; `None` if nobody holds it.
    async fn is_imported(&self, candidate: &Candidate) -> Result<Option<bool>, CliError> {
        match self.client.names_show(candidate.name.as_str()).await {
            Ok(held) => Ok(Some(held.digest == Some(Digest::of(&bytes_of(candidate)).to_string()))),
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores one content, if it is there and is what its id says.
    async fn store_content(
        &self,
        bucket: &BucketName,
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
        Ok(self.store(bucket, name, &format!("content/{path}"), bytes, kind).await?.is_some())
    }

    /// Stores bytes below a name; `None` if that is no key.
    async fn store(
        &self,
        bucket: &BucketName,
        name: &str,
        path: &str,
        bytes: Vec<u8>,
        kind: &str,
    ) -> Result<Option<String>, CliError> {
        let Ok(key) = format!("{name}/{path}").parse::<ObjectKey>() else { return Ok(None) };
        let object = ObjectRef { bucket: bucket.to_string(), key: key.to_string() };
        let source = Source::bytes(path, bytes);
        Ok(Some(upload(self.client, &object, source, kind, self.context.output).await?.digest))
    }
}

/// A record as it is stored.
fn bytes_of(candidate: &Candidate) -> Vec<u8> {
    serde_json::to_vec_pretty(&candidate.whole).expect("what was read as JSON is written as such")
}

/// Whether a problem is one of this record, so that others may have none.
fn is_about_one(code: ProblemCode) -> bool {
    code.status().is_client_error()
        && !matches!(code, ProblemCode::Unauthenticated | ProblemCode::RateLimited)
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
        Outcome::Incomplete,
        Outcome::Failed,
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
