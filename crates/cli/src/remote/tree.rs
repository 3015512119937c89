use std::path::PathBuf;
use std::sync::Arc;

use casemate_api::Client;
use casemate_fs::SealedBytes;
use casemate_model::{Digest, Timestamp};
use casemate_remote::deltaglider::{DeltaGlider, LogicalKey, PutOptions};
use indicatif::ProgressBar;

use super::{BucketOptions, Meter, Place, RemoteAddress, files, node};
use crate::address::Address;
use crate::context::Context;
use crate::progress;
use crate::report::CliError;
use crate::transfer::Stdout;

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

/// How files are stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreOptions {
    /// For buckets in DeltaGlider's format.
    pub(crate) put: PutOptions,
    /// The media type for objects of a node; by the name's ending otherwise.
    pub(crate) media_type: Option<String>,
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
    pub(crate) async fn list(&self) -> Result<Vec<Item>, CliError> {
        match self {
            Self::Pipe(_) => Err(CliError::NotMany),
            Self::Files(root) => files::list(root),
            Self::Node(_, client, address, _) => node::list(client, address).await,
            Self::Remote(engine, address) => {
                let listed = engine.list(&address.rest).await?;
                let items = listed.into_iter().map(|object| Item {
                    name: object.key[address.rest.len()..].to_owned(),
                    size_bytes: object.size_bytes,
                    modified: Some(object.modified),
                });
                Ok(items.collect())
            }
        }
    }

    /// Reads one, checked against what is known of it.
    pub(crate) async fn read(&self, name: &str) -> Result<SealedBytes, CliError> {
        match self {
            Self::Pipe(_) => files::read(None).await,
            Self::Files(root) => files::read(Some(root.join(name))).await,
            Self::Node(context, client, address, meter) => {
                node::read(client, &below(address, name).object()?, (context.output, meter)).await
            }
            Self::Remote(engine, address) => Ok(engine.get(&key_below(address, name)?).await?.bytes),
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
                let media_type = options
                    .media_type
                    .as_deref()
                    .unwrap_or_else(|| crate::commands::media_type_of(&object.key));
                node::write(client, &object, &bytes, media_type, (context.output, meter)).await
            }
            Self::Remote(engine, address) => {
                engine.put(&key_below(address, name)?, bytes, &options.put).await?;
                Ok(())
            }
        }
    }

    /// How large one is, as far as that is known before it is read.
    pub(crate) async fn size(&self, name: &str) -> Result<u64, CliError> {
        match self {
            // Opening a FIFO to look at it would take from it.
            Self::Pipe(_) | Self::Files(_) => Ok(0),
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

fn below(address: &Address, name: &str) -> Address {
    Address { bucket: address.bucket.clone(), rest: format!("{}{name}", address.rest) }
}

fn key_below(address: &RemoteAddress, name: &str) -> Result<LogicalKey, CliError> {
    Ok(LogicalKey::parse(&format!("{}{name}", address.rest))?)
}
