use std::collections::BTreeMap;

use casemate_api::{ClientError, ProblemCode};
use casemate_model::Digest;
use casemate_remote::Unusable;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::transfer_options::TransferOptions;
use crate::address::Address;
use crate::context::Context;
use crate::remote::{Copier, Filter, Item, Listed, Opener, Place, Room, Tree};
use crate::report::{CliError, Status, chain};

/// Copy a bucket, or all below a prefix, to another bucket, and check every object at its new place.
///
/// It can be broken off and started again: what is there already, with the same size and digest, is not copied again.
/// Keys stay as they are below the target, unless --no-preserve-prefix leaves out the source's prefix. An object that
/// cannot be read or does not arrive as it was is named at the end, and the others are copied all the same.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate migrate s3://releases s3://archive
  casemate migrate s3://releases/app/ s3://archive/old/       as old/app/...
  casemate migrate s3://releases cm://releases --dry-run
  casemate migrate s3://releases gs://releases --exclude '*.log'

Ends with code 1 if an object was not migrated.")]
pub(crate) struct Migrate {
    /// Where the objects are: s3://BUCKET, cm://BUCKET, or a prefix in one.
    source: String,
    /// Where they go.
    target: String,
    /// Leave out the source's prefix from the keys of the target.
    #[arg(long)]
    no_preserve_prefix: bool,
    #[command(flatten)]
    transfer: TransferOptions,
}

/// What became of an object.
#[derive(Debug, Serialize)]
struct Fate {
    source: String,
    target: String,
    size_bytes: u64,
    /// `migrated`, `present`, `planned` or `failed`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Migrate {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (source, target) = (bucket_of(&self.source)?, bucket_of(&self.target)?);
        let copier = self.transfer.copier(context, None, false);
        let opener = self.transfer.opener(context);
        let target = if self.no_preserve_prefix { target } else { below(target, prefix_of(&source)) };
        if source == target {
            return Err(CliError::SamePlace { place: self.source.clone() });
        }
        let (source, target) = (opener.open(source)?, opener.open(target)?);
        let mut fates = plan(&source, &target, &self.transfer.filter).await?;
        if fates.is_empty() {
            return Err(CliError::Nothing { address: self.source.clone() });
        }
        let work = Work { copier, opener, source, target };
        work.run(&mut fates).await?;
        work.say(&fates)
    }
}

/// A bucket with its prefix as a folder.
fn bucket_of(text: &str) -> Result<Place, CliError> {
    match Place::parse(text)? {
        place @ (Place::Node(_) | Place::Remote(_)) => Ok(place.folder()),
        Place::Pipe | Place::File(_) => Err(CliError::NoBucket { text: text.to_owned() }),
    }
}

fn prefix_of(place: &Place) -> &str {
    match place {
        Place::Node(address) => &address.rest,
        Place::Remote(address) => &address.rest,
        Place::Pipe | Place::File(_) => "",
    }
}

fn below(place: Place, prefix: &str) -> Place {
    match place {
        Place::Node(address) => {
            let rest = format!("{}{prefix}", address.rest);
            Place::Node(Address { bucket: address.bucket, rest })
        }
        Place::Remote(address) => Place::Remote(address.at(&format!("{}{prefix}", address.rest))),
        place @ (Place::Pipe | Place::File(_)) => place,
    }
}

/// Compares what is here with what is there, by size and then by digest.
async fn plan(
    source: &Tree<'_>,
    target: &Tree<'_>,
    filter: &Filter,
) -> Result<Vec<(String, Fate)>, CliError> {
    let there: BTreeMap<String, Item> = match target.list().await {
        Ok(listed) => listed.items.into_iter().map(|item| (item.name.clone(), item)).collect(),
        // A node makes the bucket when something is put into it.
        Err(CliError::Client(ClientError::Problem(problem))) if problem.code == ProblemCode::NotFound => {
            BTreeMap::new()
        }
        Err(error) => return Err(error),
    };
    let Listed { items, unusable } = source.list().await?;
    let unusable = unusable.into_iter().filter(|unusable| filter.takes(&unusable.key));
    let mut fates: Vec<(String, Fate)> = unusable
        .map(|Unusable { key, reason }| {
            let (source, target) = (source.label(&key), target.label(&key));
            (key, Fate { source, target, size_bytes: 0, state: FAILED, reason: Some(reason) })
        })
        .collect();
    let items = items.into_iter().filter(|item| filter.takes(&item.name));
    let judged = items.map(|item| {
        let same_size = there.get(&item.name).is_some_and(|copy| copy.size_bytes == item.size_bytes);
        async move {
            let is_present = same_size && has_same_digest(source, target, &item.name).await?;
            let fate = Fate {
                source: source.label(&item.name),
                target: target.label(&item.name),
                size_bytes: item.size_bytes,
                state: if is_present { PRESENT } else { PLANNED },
                reason: None,
            };
            Ok::<_, CliError>((item.name, fate))
        }
    });
    let judged: Vec<_> = stream::iter(judged).buffered(LOOKS_AT_ONCE).try_collect().await?;
    fates.extend(judged);
    Ok(fates)
}

/// Objects without a known digest are the same to nobody, and are copied again.
async fn has_same_digest(source: &Tree<'_>, target: &Tree<'_>, name: &str) -> Result<bool, CliError> {
    let digests = futures_util::try_join!(source.digest(name), target.digest(name));
    match digests {
        Ok((one, other)) => Ok(one.is_some() && one == other),
        // One of them went meanwhile, or says nothing that makes sense; copying it will tell.
        Err(error) if error.is_of_one_file() => Ok(false),
        Err(error) => Err(error),
    }
}

struct Work<'a> {
    copier: Copier<'a>,
    opener: Opener<'a>,
    source: Tree<'a>,
    target: Tree<'a>,
}

impl Work<'_> {
    async fn run(&self, fates: &mut [(String, Fate)]) -> Result<(), CliError> {
        let planned = fates.iter_mut().filter(|(_, fate)| fate.state == PLANNED);
        if self.copier.is_dry {
            for (_, fate) in planned {
                self.copier
                    .note(&self.opener, &format!("(dryrun) migrate {} to {}", fate.source, fate.target));
            }
            return Ok(());
        }
        let planned: Vec<_> = planned.collect();
        self.opener.meter.expect(planned.iter().map(|(_, fate)| fate.size_bytes).sum());
        let room = Room::default();
        let moves = planned.into_iter().map(|(name, fate)| {
            let room = &room;
            async move {
                let _room = room.take(fate.size_bytes).await;
                self.opener.meter.begin(name, fate.size_bytes);
                let moved = self.migrate(name, fate).await;
                self.opener.meter.end(fate.size_bytes);
                moved
            }
        });
        let done = stream::iter(moves).buffer_unordered(self.copier.jobs).try_collect::<()>().await;
        self.opener.meter.finish();
        done
    }

    /// Copies one object and reads it back. What is wrong with it alone is its fate, and the others go on.
    async fn migrate(&self, name: &str, fate: &mut Fate) -> Result<(), CliError> {
        match self.copy_and_check(name).await {
            Ok(()) => {
                fate.state = MIGRATED;
                self.copier.note(&self.opener, &format!("migrate: {} to {}", fate.source, fate.target));
                Ok(())
            }
            Err(error) if error.is_of_one_file() => {
                (fate.state, fate.reason) = (FAILED, Some(chain(&error)));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn copy_and_check(&self, name: &str) -> Result<(), CliError> {
        let bytes = self.source.read(name).await?;
        let expected = Digest::of(bytes.as_slice()?);
        self.target.write(name, bytes, &self.copier.store).await?;
        let found = self.target.verified(name).await?;
        if found == expected {
            return Ok(());
        }
        let (what, expected) = (self.target.label(name), expected.to_string());
        Err(CliError::ContentDiffers { what, expected, found })
    }

    fn say(&self, fates: &[(String, Fate)]) -> Result<Status, CliError> {
        let output = self.copier.context.output;
        let count = |state: &str| fates.iter().filter(|(_, fate)| fate.state == state).count();
        if output.json() {
            output.value(&fates.iter().map(|(_, fate)| fate).collect::<Vec<_>>())?;
        }
        for (_, Fate { source, reason, .. }) in fates {
            if let Some(reason) = reason {
                output.note(&format!("failed: {source}: {reason}"));
            }
        }
        let (migrated, present, failed) = (count(MIGRATED), count(PRESENT), count(FAILED));
        let planned =
            if self.copier.is_dry { format!(", {} to migrate", count(PLANNED)) } else { String::new() };
        self.copier.note(
            &self.opener,
            &format!("{migrated} migrated and checked, {present} there already, {failed} failed{planned}"),
        );
        Ok(if failed == 0 { Status::Done } else { Status::Failed })
    }
}

const MIGRATED: &str = "migrated";
const PRESENT: &str = "present";
const PLANNED: &str = "planned";
const FAILED: &str = "failed";

/// How many objects are asked for their digests at once.
const LOOKS_AT_ONCE: usize = 16;
