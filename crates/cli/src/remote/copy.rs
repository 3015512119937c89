use serde::Serialize;

use super::{Filter, Item, Opener, Place, StoreOptions, Tree};
use crate::context::Context;
use crate::progress;
use crate::report::CliError;

/// A file that was copied, moved or would be.
#[derive(Debug, Serialize)]
pub(crate) struct Copied {
    source: String,
    target: String,
    size_bytes: u64,
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
    let (above, name) = source.split()?;
    let (target, target_name) = target.split_for(&name)?;
    let (source, target) = (opener.open(above)?, opener.open(target)?);
    let copied = copier.copy((&source, &name), (&target, &target_name)).await?;
    Ok(vec![copied])
}

/// Copies everything below `source` that `filter` takes.
pub(crate) async fn copy_many(
    copier: &Copier<'_>,
    opener: &Opener<'_>,
    (source, target): (&Place, &Place),
    filter: &Filter,
) -> Result<Vec<Copied>, CliError> {
    let (source, target) = (opener.open(source.folder())?, opener.open(target.folder())?);
    let items = source.list().await?;
    let mut copied = Vec::new();
    for Item { name, .. } in items.iter().filter(|item| filter.takes(&item.name)) {
        copied.push(copier.copy((&source, name), (&target, name)).await?);
    }
    Ok(copied)
}

impl Copier<'_> {
    /// Copies one file from one opened place to another.
    pub(crate) async fn copy(
        &self,
        (source, name): (&Tree<'_>, &str),
        (target, target_name): (&Tree<'_>, &str),
    ) -> Result<Copied, CliError> {
        let (from, to) = (source.label(name), target.label(target_name));
        let word = if self.moves { "move" } else { "copy" };
        if self.is_dry {
            self.context.output.note(&format!("(dryrun) {word} {from} to {to}"));
            return Ok(Copied { source: from, target: to, size_bytes: 0 });
        }
        let spinner = progress::spinner(self.context.output, &format!("{word} {from}"));
        let bytes = source.read(name).await?;
        let size_bytes = bytes.len();
        target.write(target_name, bytes, &self.store).await?;
        // Not when both are one: then there is nothing but the copy.
        if self.moves && from != to {
            source.remove(name).await?;
        }
        spinner.finish_and_clear();
        if !matches!(target, Tree::Pipe(_)) {
            self.context.output.note(&format!("{word}: {from} to {to}"));
        }
        Ok(Copied { source: from, target: to, size_bytes })
    }
}
