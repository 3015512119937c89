use casemate_remote::Unusable;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Filter, Listed, Opener, Place, RemoteAddress, StoreOptions, Tree};
use crate::context::Context;
use crate::output::Output;
use crate::report::{CliError, Status, chain};

/// A file that was copied, moved or would be.
#[derive(Debug, Serialize)]
pub(crate) struct Copied {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) size_bytes: u64,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// A file that is to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// What it is called below its source.
    pub(crate) name: String,
    /// What it is to be called below its target.
    pub(crate) target_name: String,
    /// Its size, as far as it is known.
    pub(crate) size_bytes: u64,
}

/// How to copy.
pub(crate) struct Copier<'a> {
    /// Where messages go.
    pub(crate) context: &'a Context,
    /// How files are stored.
    pub(crate) store: StoreOptions,
    /// Whether the source is removed once its copy is stored.
    pub(crate) moves: bool,
    /// Whether to say only what would be done.
    pub(crate) is_dry: bool,
    /// Whether to say nothing of what is done.
    pub(crate) quiet: bool,
    /// How many files are copied at once.
    pub(crate) jobs: usize,
}

/// Copies one file.
pub(crate) async fn copy_one(
    copier: &Copier<'_>,
    opener: &Opener<'_>,
    (source, target): (&Place, &Place),
) -> Result<Vec<Copied>, CliError> {
    if *source == Place::Pipe && *target == Place::Pipe {
        return Err(CliError::NotMany);
    }
    source.refuse_directory()?;
    let (above, name) = source.split()?;
    let (target, target_name) = target.split_for(&name)?;
    let (source, target) = (opener.open(above)?, opener.open(target)?);
    let wants_size = copier.shows_progress() || copier.is_dry;
    let size_bytes = if wants_size { source.size(&name).await? } else { 0 };
    let task = Task { name, target_name, size_bytes };
    let (meter, room) = (&opener.meter, Room::default());
    meter.expect(size_bytes);
    meter.begin(&task.name, size_bytes);
    if !copier.is_dry {
        target.sweep([task.target_name.as_str()].into_iter());
    }
    let copied = copier.copy(opener, (&source, &target), &task, &room).await;
    meter.finish();
    Ok(vec![copied?])
}

/// Copies everything below `source` that `filter` takes. What fails alone is told and counted, and the others are copied
/// all the same.
pub(crate) async fn copy_many(
    copier: &Copier<'_>,
    opener: &Opener<'_>,
    (source, target): (&Place, &Place),
    filter: &Filter,
) -> Result<Vec<Copied>, CliError> {
    let (source, target) = (opener.open(source.folder())?, opener.open(target.folder())?);
    let Listed { items, unusable } = source.list().await?;
    let unusable = unusable.into_iter().filter(|unusable| filter.takes(&unusable.key));
    let mut copied = copier.failed(opener, (&source, &target), unusable);
    let items = items.into_iter().filter(|item| filter.takes(&item.name));
    let tasks = items.map(|item| Task {
        target_name: item.name.clone(),
        name: item.name,
        size_bytes: item.size_bytes,
    });
    copied.extend(copier.copy_all(opener, (&source, &target), tasks.collect()).await?);
    Ok(copied)
}

/// Says how many of many failed, if any did.
pub(crate) fn conclude(output: Output, copied: &[Copied]) -> Status {
    let failed = copied.iter().filter(|copied| copied.error.is_some()).count();
    if failed == 0 {
        return Status::Done;
    }
    output.note(&format!("{failed} of {} failed", copied.len()));
    Status::Failed
}

/// Names what is in a bucket and could not be used.
pub(crate) fn say_unusable(output: Output, address: &RemoteAddress, unusable: &[Unusable]) -> Status {
    for Unusable { key, reason } in unusable {
        output.note(&format!("failed: {}: {reason}", address.at(key)));
    }
    if unusable.is_empty() {
        return Status::Done;
    }
    output.note(&format!("{} objects cannot be used and are not counted", unusable.len()));
    Status::Failed
}

impl Copier<'_> {
    /// Names what cannot be copied at all.
    pub(crate) fn failed(
        &self,
        opener: &Opener<'_>,
        (source, target): (&Tree<'_>, &Tree<'_>),
        unusable: impl Iterator<Item = Unusable>,
    ) -> Vec<Copied> {
        let told = unusable.map(|Unusable { key, reason }| {
            let (source, target) = (source.label(&key), target.label(&key));
            self.fail(opener, Copied { source, target, size_bytes: 0, error: Some(reason) })
        });
        told.collect()
    }

    /// Copies files from one opened place to another, several at once as far as memory goes. What fails alone is told,
    /// and the others go on.
    pub(crate) async fn copy_all(
        &self,
        opener: &Opener<'_>,
        ends: (&Tree<'_>, &Tree<'_>),
        tasks: Vec<Task>,
    ) -> Result<Vec<Copied>, CliError> {
        let meter = &opener.meter;
        meter.expect(tasks.iter().map(|task| task.size_bytes).sum());
        if !self.is_dry {
            ends.1.sweep(tasks.iter().map(|task| task.target_name.as_str()));
        }
        let room = Room::default();
        let copies = tasks.into_iter().map(|task| {
            let room = &room;
            async move {
                meter.begin(&task.name, task.size_bytes);
                let copied = match self.copy(opener, ends, &task, room).await {
                    Err(error) if error.is_of_one_file() => {
                        let (source, target) = (ends.0.label(&task.name), ends.1.label(&task.target_name));
                        let error = Some(chain(&error));
                        Ok(self.fail(opener, Copied { source, target, size_bytes: 0, error }))
                    }
                    copied => copied,
                };
                let found = copied.as_ref().map_or(0, |copied| copied.size_bytes);
                meter.end(found.max(task.size_bytes));
                copied
            }
        });
        let copied = stream::iter(copies).buffered(self.jobs).try_collect().await;
        meter.finish();
        copied
    }

    async fn copy(
        &self,
        opener: &Opener<'_>,
        (source, target): (&Tree<'_>, &Tree<'_>),
        task: &Task,
        room: &Room,
    ) -> Result<Copied, CliError> {
        let (from, to) = (source.label(&task.name), target.label(&task.target_name));
        let word = if self.moves { "move" } else { "copy" };
        if self.is_dry {
            self.note(opener, &format!("(dryrun) {word} {from} to {to}"));
            return Ok(Copied { source: from, target: to, size_bytes: task.size_bytes, error: None });
        }
        let streamed = source.stream(&task.name, (target, &task.target_name), &self.store).await?;
        let size_bytes = match streamed {
            Some(size_bytes) => size_bytes,
            None => {
                let _room = room.take(task.size_bytes).await;
                let bytes = source.read(&task.name).await?;
                let size_bytes = bytes.len();
                target.write(&task.target_name, bytes, &self.store).await?;
                size_bytes
            }
        };
        opener.meter.expect(size_bytes.saturating_sub(task.size_bytes));
        // Not when both are one: then there is nothing but the copy.
        if self.moves && from != to {
            source.remove(&task.name).await?;
        }
        if !matches!(target, Tree::Pipe(_)) {
            self.note(opener, &format!("{word}: {from} to {to}"));
        }
        Ok(Copied { source: from, target: to, size_bytes, error: None })
    }

    fn fail(&self, opener: &Opener<'_>, copied: Copied) -> Copied {
        let reason = copied.error.as_deref().unwrap_or_default();
        opener.meter.note(self.context.output, &format!("failed: {}: {reason}", copied.source));
        copied
    }

    /// Says what is done, if anybody wants to know.
    pub(crate) fn note(&self, opener: &Opener<'_>, text: &str) {
        // Without it a dry run would do nothing at all.
        if !self.quiet || self.is_dry {
            opener.meter.note(self.context.output, text);
        }
    }

    fn shows_progress(&self) -> bool {
        !self.quiet && !self.is_dry && self.context.output.progress()
    }
}

/// The memory that files under way share.
pub(crate) struct Room(Semaphore);

impl Default for Room {
    fn default() -> Self {
        Self(Semaphore::new(MEMORY_MIB))
    }
}

impl Room {
    /// Waits until there is room for a file of that size, which is taken until the answer is dropped.
    pub(crate) async fn take(&self, size_bytes: u64) -> SemaphorePermit<'_> {
        self.0.acquire_many(mib_of(size_bytes)).await.expect("nobody closes it")
    }
}

/// How much of files is held at once. A file that is larger goes alone.
const MEMORY_MIB: usize = 512;

fn mib_of(size_bytes: u64) -> u32 {
    let mib = size_bytes.div_ceil(1 << 20).clamp(1, MEMORY_MIB as u64);
    u32::try_from(mib).expect("it is at most the memory")
}
