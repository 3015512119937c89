mod members;

use std::collections::BTreeMap;

use casemate_fs::SealedBytes;
use casemate_model::Digest;
use casemate_remote::deltaglider::{DeltaCodec, Vcdiff};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::remote::{BucketOptions, Opener, Place};
use crate::report::{CliError, Status};
use crate::tables::Column;

use members::Member;

/// Compare two objects or files: sizes, digests, how much of one is not in the other, and which members of archives
/// changed.
///
/// Both are read whole and checked on the way. Members are compared in zip files, with what is built like them, and in
/// tar files, also when they are packed with gzip.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate diff s3://releases/app/app-1.4.zip s3://releases/app/app-1.5.zip
  casemate diff app.tar.gz cm://builds/app.tar.gz
  casemate diff cm://builds/a.zip cm://builds/a.zip --version-id ID     an older version and the newest
  casemate diff cm://builds/a.zip cm://builds/a.zip --version-id ID --other-version-id ID
  casemate diff old.zip new.zip --json | jq '.members[]'

Ends with code 0 if they are the same, with 1 if they differ.")]
pub(crate) struct Diff {
    /// A file, or an address such as s3://BUCKET/KEY or cm://BUCKET/KEY.
    one: String,
    /// What it is compared with.
    other: String,
    /// Of the first, in a node's bucket that keeps versions, take this one; `casemate ls --versions` lists them.
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
    /// The same of the second.
    #[arg(long, value_name = "ID")]
    other_version_id: Option<String>,
    #[command(flatten)]
    buckets: BucketOptions,
}

/// What comparing found.
#[derive(Debug, Serialize)]
struct Comparison {
    same: bool,
    one: Side,
    other: Side,
    /// The bytes that make the other of the one, as a VCDIFF.
    difference_bytes: u64,
    /// Members that are not the same in both; none if these are no archives, or are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Change>>,
}

#[derive(Debug, Serialize)]
struct Side {
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    size_bytes: u64,
    digest: String,
}

/// A member that is not the same in both.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    name: String,
    /// `added`, `removed` or `changed`.
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes_after: Option<u64>,
}

impl Diff {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let opener = Opener::showing(context, &self.buckets, false);
        let one = read(&opener, &self.one, self.version_id.as_deref()).await?;
        let other = read(&opener, &self.other, self.other_version_id.as_deref()).await?;
        opener.meter.finish();
        let names = (
            named(&self.one, self.version_id.as_deref()),
            named(&self.other, self.other_version_id.as_deref()),
        );
        let compared = tokio::task::spawn_blocking(move || compare(names, &one, &other)).await;
        let compared =
            compared.map_err(|error| CliError::Runtime { source: std::io::Error::other(error) })??;
        let status = if compared.same { Status::Done } else { Status::Failed };
        if context.output.json() {
            context.output.value(&compared)?;
        } else {
            say(context, compared)?;
        }
        Ok(status)
    }
}

/// What a side is called.
fn named(place: &str, version: Option<&str>) -> Named {
    (place.to_owned(), version.map(str::to_owned))
}

async fn read(opener: &Opener<'_>, text: &str, version: Option<&str>) -> Result<SealedBytes, CliError> {
    let place = Place::parse(text)?;
    if place == Place::Pipe {
        return Err(CliError::NotMany);
    }
    place.refuse_directory()?;
    let (above, name) = place.split()?;
    let tree = opener.open(above)?;
    match version {
        Some(version) => tree.read_version(&name, version).await,
        None => tree.read(&name).await,
    }
}

type Named = (String, Option<String>);

fn compare(names: (Named, Named), one: &SealedBytes, other: &SealedBytes) -> Result<Comparison, CliError> {
    let (before, after) = (one.as_slice()?, other.as_slice()?);
    let side = |(place, version): Named, bytes: &[u8]| Side {
        place,
        version,
        size_bytes: bytes.len() as u64,
        digest: Digest::of(bytes).to_string(),
    };
    let (one, other) = (side(names.0, before), side(names.1, after));
    if one.digest == other.digest {
        return Ok(Comparison { same: true, one, other, difference_bytes: 0, members: None });
    }
    let mut delta = Counter::default();
    Vcdiff.encode(after, before, &mut delta).map_err(|source| CliError::Difference { source })?;
    let members = match (members::of(before), members::of(after)) {
        (Some(before), Some(after)) => Some(changes(&before, &after)),
        (None, _) | (_, None) => None,
    };
    Ok(Comparison { same: false, one, other, difference_bytes: delta.0, members })
}

/// Counts, and keeps nothing.
#[derive(Default)]
struct Counter(u64);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn changes(before: &BTreeMap<String, Member>, after: &BTreeMap<String, Member>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, member) in before {
        let now = after.get(name);
        if now != Some(member) {
            changes.push(Change {
                name: name.clone(),
                change: if now.is_some() { "changed" } else { "removed" },
                size_bytes_before: Some(member.size_bytes),
                size_bytes_after: now.map(|now| now.size_bytes),
            });
        }
    }
    let added = after.iter().filter(|(name, _)| !before.contains_key(*name));
    changes.extend(added.map(|(name, member)| Change {
        name: name.clone(),
        change: "added",
        size_bytes_before: None,
        size_bytes_after: Some(member.size_bytes),
    }));
    changes.sort_by(|one, other| one.name.cmp(&other.name));
    changes
}

fn say(context: &Context, compared: Comparison) -> Result<(), CliError> {
    let Comparison { same, one, other, difference_bytes, members } = compared;
    let columns = [Column::Text("place"), Column::Number("bytes"), Column::Text("digest")];
    let rows = [one, other].map(|Side { place, version, size_bytes, digest }| {
        let place = version.map_or(place.clone(), |version| format!("{place} {version}"));
        vec![place, size_bytes.to_string(), digest]
    });
    context.output.rows(&columns, rows.to_vec())?;
    if same {
        context.output.note("both are the same");
        return Ok(());
    }
    context.output.fields(&[("difference", format!("{difference_bytes} bytes"))])?;
    let Some(members) = members else { return Ok(()) };
    if members.is_empty() {
        context.output.note("all members are the same; the archives are packed differently");
        return Ok(());
    }
    let size = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    let rows = members.into_iter().map(|Change { name, change, size_bytes_before, size_bytes_after }| {
        vec![name, change.to_owned(), size(size_bytes_before), size(size_bytes_after)]
    });
    let columns =
        [Column::Text("member"), Column::Text("change"), Column::Number("before"), Column::Number("after")];
    context.output.rows(&columns, rows.collect())
}
