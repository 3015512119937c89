use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use casemate_api::Client;
use casemate_fs::SealedBytes;
use casemate_model::{Clock, Digest, Timestamp};
use casemate_remote::Unusable;
use casemate_remote::deltaglider::{Content, DeltaGlider, Listing, LogicalKey, PutOptions};
use indicatif::ProgressBar;

use super::{BucketOptions, Meter, Place, RemoteAddress, files, node};
use crate::address::{Address, of_object};
use crate::context::Context;
use crate::progress;
use crate::report::CliError;
use crate::transfer::{Source, Stdout};
use crate::world::SystemClock;

/// A file somewhere, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name below the place that was listed.
    pub(crate) name: String,
    /// Its size, as its owner knows it.
    pub(crate) size_bytes: u64,
    /// When it last changed, if that is known.
    pub(crate) modified: Option<Timestamp>,
}

/// What a place has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// The files, by name.
    pub(crate) items: Vec<Item>,
    /// What is there and cannot be used, by its name below the place.
    pub(crate) unusable: Vec<Unusable>,
}

/// How files are stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreOptions {
    /// For buckets in DeltaGlider's format.
    pub(crate) put: PutOptions,
    /// The media type for objects of a node; by the name's ending otherwise.
    pub(crate) media_type: Option<String>,
}

impl StoreOptions {
    fn media_type_of<'a>(&'a self, key: &str) -> &'a str {
        self.media_type.as_deref().unwrap_or_else(|| crate::commands::media_type_of(key))
    }
}

/// An opened place. Files in it are named by what follows the place.
pub(crate) enum Tree<'a> {
    /// Standard input or output.
    Pipe(&'a Context),
    /// Below a directory.
    Files(PathBuf),
    /// At a node.
    Node(&'a Context, Box<Client>, Address, Arc<Meter>),
    /// In a bucket.
    Remote(Box<DeltaGlider>, RemoteAddress),
}

/// Opens places.
pub(crate) struct Opener<'a> {
    /// What the command line says of the node.
    pub(crate) context: &'a Context,
    /// What it says of buckets.
    pub(crate) buckets: &'a BucketOptions,
    /// Where progress shows of what travels.
    pub(crate) meter: Arc<Meter>,
}

impl<'a> Opener<'a> {
    /// Opens places of which no progress shows.
    pub(crate) fn silent(context: &'a Context, buckets: &'a BucketOptions) -> Self {
        Self { context, buckets, meter: Meter::new(ProgressBar::hidden()) }
    }

    /// Opens places whose bytes show as progress to a person, unless it is to be quiet.
    pub(crate) fn showing(context: &'a Context, buckets: &'a BucketOptions, quiet: bool) -> Self {
        let output = if quiet { context.output.without_progress() } else { context.output };
        Self { context, buckets, meter: Meter::new(progress::files(output)) }
    }

    /// Opens a place. Nothing is made.
    pub(crate) fn open(&self, place: Place) -> Result<Tree<'a>, CliError> {
        Ok(match place {
            Place::Pipe => Tree::Pipe(self.context),
            Place::File(path) => Tree::Files(path),
            Place::Node(address) => {
                let client = Box::new(self.context.client()?);
                Tree::Node(self.context, client, address, Arc::clone(&self.meter))
            }
            Place::Remote(address) => {
                let engine = self.buckets.open_metered(self.context, &address, &self.meter)?;
                Tree::Remote(Box::new(engine), address)
            }
        })
    }
}

impl Tree<'_> {
    /// Everything in it, by name.
    pub(crate) async fn list(&self) -> Result<Listed, CliError> {
        match self {
            Self::Pipe(_) => Err(CliError::NotMany),
            Self::Files(root) => files::list(root),
            Self::Node(_, client, address, _) => {
                let items = node::list(client, address).await?;
                Ok(Listed { items, unusable: Vec::new() })
            }
            Self::Remote(engine, address) => {
                let Listing { objects, mut unusable } = engine.list(&address.rest).await?;
                let name = |key: &str| key.strip_prefix(&address.rest).unwrap_or(key).to_owned();
                let items = objects.into_iter().map(|object| Item {
                    name: name(&object.key),
                    size_bytes: object.size_bytes,
                    modified: Some(object.modified),
                });
                let items = items.collect();
                for unusable in &mut unusable {
                    unusable.key = name(&unusable.key);
                }
                Ok(Listed { items, unusable })
            }
        }
    }

    /// Removes what a process that was killed left where files of these names are to be.
    pub(crate) fn sweep<'n>(&self, names: impl Iterator<Item = &'n str>) {
        if let Self::Files(root) = self {
            let folders: BTreeSet<&str> =
                names.map(|name| name.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
            let now = SystemClock.now();
            folders.into_iter().for_each(|folder| files::sweep(&root.join(folder), now));
        }
    }

    /// Reads one, checked against what is known of it.
    pub(crate) async fn read(&self, name: &str) -> Result<SealedBytes, CliError> {
        match self {
            Self::Pipe(_) => files::read(None).await,
            Self::Files(root) => files::read(Some(root.join(name))).await,
            Self::Node(context, client, address, meter) => {
                node::read(client, &below(address, name).object()?, None, (context.output, meter)).await
            }
            Self::Remote(engine, address) => Ok(engine.get(&key_below(address, name)?).await?.bytes),
        }
    }

    /// Reads an older version of one.
    pub(crate) async fn read_version(&self, name: &str, version: &str) -> Result<SealedBytes, CliError> {
        match self {
            Self::Node(context, client, address, meter) => {
                let object = below(address, name).object()?;
                node::read(client, &object, Some(version), (context.output, meter)).await
            }
            Self::Pipe(_) | Self::Files(_) | Self::Remote(..) => {
                Err(CliError::NoVersions { place: self.label(name) })
            }
        }
    }

    /// Stores one, in place of what has its name.
    pub(crate) async fn write(
        &self,
        name: &str,
        bytes: SealedBytes,
        options: &StoreOptions,
    ) -> Result<(), CliError> {
        match self {
            Self::Pipe(context) => {
                crate::transfer::Sink::take(&mut Stdout(context.output), bytes.as_slice()?)
            }
            Self::Files(root) => files::write(files::file_at(root, name)?, bytes).await,
            Self::Node(context, client, address, meter) => {
                let object = below(address, name).object()?;
                let media_type = options.media_type_of(&object.key);
                let source = Source::sealed(&of_object(&object.bucket, &object.key), &bytes);
                node::write(client, &object, source, media_type, (context.output, meter)).await?;
                Ok(())
            }
            Self::Remote(engine, address) => {
                engine.put(&key_below(address, name)?, bytes, &options.put).await?;
                Ok(())
            }
        }
    }

    /// Copies one to another place without holding it, and says how large it is; none if these two places cannot do
    /// that, and then nothing was done.
    pub(crate) async fn stream(
        &self,
        name: &str,
        (target, target_name): (&Tree<'_>, &str),
        options: &StoreOptions,
    ) -> Result<Option<u64>, CliError> {
        match (self, target) {
            (Self::Remote(engine, address), Tree::Files(root)) => {
                let key = key_below(address, name)?;
                let path = files::file_at(root, target_name)?;
                let output = files::create(&path)?;
                if !output.is_unseen() {
                    let bytes = engine.get(&key).await?.bytes;
                    return Ok(Some(files::fill(output, &path, bytes).await?));
                }
                let (output, found) = engine.get_into(&key, output).await?;
                files::commit(output).await?;
                Ok(Some(found.size_bytes))
            }
            (Self::Node(context, client, address, meter), Tree::Files(root)) => {
                let object = below(address, name).object()?;
                let path = files::file_at(root, target_name)?;
                let mut output = files::create(&path)?;
                if !output.is_unseen() {
                    let bytes = node::read(client, &object, None, (context.output, meter)).await?;
                    return Ok(Some(files::fill(output, &path, bytes).await?));
                }
                let size = node::read_into(client, &object, &mut output, (context.output, meter)).await?;
                files::commit(output).await?;
                Ok(Some(size))
            }
            (Self::Files(root), Tree::Node(context, client, address, meter)) => {
                let object = below(address, target_name).object()?;
                let source = Source::file(&root.join(name))?;
                let media_type = options.media_type_of(&object.key);
                let progress = (context.output, meter);
                Ok(Some(node::write(client, &object, source, media_type, progress).await?))
            }
            (Self::Files(root), Tree::Remote(engine, address)) => {
                let Some(content) = files::FileContent::open(&root.join(name))? else { return Ok(None) };
                let (key, size_bytes) = (key_below(address, target_name)?, content.size_bytes());
                // Small ones are stored under a condition, which large ones cannot be.
                let is_small = size_bytes <= HELD_BYTES_MAX;
                if is_small || !engine.stores_whole(&key, size_bytes, &options.put) {
                    return Ok(None);
                }
                engine.put_whole(&key, Arc::new(content), &options.put).await?;
                Ok(Some(size_bytes))
            }
            _ => Ok(None),
        }
    }

    /// How large one is, as far as that is known before it is read.
    pub(crate) async fn size(&self, name: &str) -> Result<u64, CliError> {
        match self {
            Self::Pipe(_) => Ok(0),
            Self::Files(root) => files::size(&root.join(name)),
            Self::Node(_, client, address, _) => {
                Ok(client.objects_stat(&below(address, name).object()?, None).await?.object.size_bytes)
            }
            Self::Remote(engine, address) => Ok(engine.stat(&key_below(address, name)?).await?.size_bytes),
        }
    }

    /// The digest that one is said to have; none if nothing says so, or it is not there.
    pub(crate) async fn digest(&self, name: &str) -> Result<Option<String>, CliError> {
        match self {
            Self::Pipe(_) | Self::Files(_) => Ok(None),
            Self::Node(_, client, address, _) => {
                let found = client.objects_stat(&below(address, name).object()?, None).await?;
                Ok(Some(found.object.digest))
            }
            Self::Remote(engine, address) => {
                let found = engine.stat(&key_below(address, name)?).await?;
                Ok(found.sha256.map(|digest| digest.to_string()))
            }
        }
    }

    /// Reads one as it is stored now, and says what its digest is.
    pub(crate) async fn verified(&self, name: &str) -> Result<Digest, CliError> {
        match self {
            Self::Remote(engine, address) => Ok(engine.verify(&key_below(address, name)?).await?.sha256),
            Self::Pipe(_) | Self::Files(_) | Self::Node(..) => {
                let bytes = self.read(name).await?;
                Ok(Digest::of(bytes.as_slice()?))
            }
        }
    }

    /// Removes many, and says which failed.
    pub(crate) async fn remove_many(&self, names: &[String]) -> Result<Vec<(String, CliError)>, CliError> {
        let mut failed = Vec::new();
        let Self::Remote(engine, address) = self else {
            for name in names {
                match self.remove(name).await {
                    Ok(()) => {}
                    Err(error) if error.is_of_one_file() => failed.push((name.clone(), error)),
                    Err(error) => return Err(error),
                }
            }
            return Ok(failed);
        };
        let (mut keys, mut named) = (Vec::new(), Vec::new());
        for name in names {
            match key_below(address, name) {
                Ok(key) => {
                    keys.push(key);
                    named.push(name);
                }
                Err(error) => failed.push((name.clone(), error)),
            }
        }
        for (name, fate) in named.into_iter().zip(engine.delete_many(&keys).await?) {
            failed.extend(fate.err().map(|error| (name.clone(), error.into())));
        }
        Ok(failed)
    }

    /// Removes one.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), CliError> {
        match self {
            Self::Pipe(_) => Err(CliError::NotMany),
            Self::Files(root) => files::remove(root, name),
            Self::Node(_, client, address, _) => {
                Ok(client.objects_delete(&below(address, name).object()?, None).await?)
            }
            Self::Remote(engine, address) => {
                engine.delete(&key_below(address, name)?).await?;
                Ok(())
            }
        }
    }

    /// What a file in it is called in messages.
    pub(crate) fn label(&self, name: &str) -> String {
        match self {
            Self::Pipe(_) => "-".to_owned(),
            Self::Files(root) => root.join(name).display().to_string(),
            Self::Node(_, _, address, _) => below(address, name).to_string(),
            Self::Remote(_, address) => address.at(&format!("{}{name}", address.rest)).to_string(),
        }
    }
}

/// What is held in memory on its way to a bucket, so that it is stored in one request.
const HELD_BYTES_MAX: u64 = 16 << 20;

fn below(address: &Address, name: &str) -> Address {
    Address { bucket: address.bucket.clone(), rest: format!("{}{name}", address.rest) }
}

fn key_below(address: &RemoteAddress, name: &str) -> Result<LogicalKey, CliError> {
    Ok(LogicalKey::parse(&format!("{}{name}", address.rest))?)
}
