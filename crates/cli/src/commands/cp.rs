use std::io::Write;
use std::path::{Path, PathBuf};

use casemate_api::objects::{MEDIA_TYPE_DEFAULT, Object};
use casemate_model::Clock;
use clap::Args;

use super::transfer_options::TransferOptions;
use crate::address::{Address, of_object};
use crate::context::Context;
use crate::remote::{Copied, Place, conclude, copy_many, copy_one, get, pass_on, sweep};
use crate::report::{CliError, Status};
use crate::transfer::{self, Source, Stdout};
use crate::world::SystemClock;

/// Copy files to objects, or objects to files, of a node or of a bucket elsewhere.
///
/// What arrives is checked against its digest, in both directions. A file appears under its name only when it is
/// whole.
///
/// Buckets at s3://, gs://, az:// and file:///DIRECTORY//KEY are in DeltaGlider's format: archives that resemble others of
/// their folder are stored as their difference, and come back as they were.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate cp app.wasm cm://builds/app/1.4.wasm     upload
  casemate cp app.wasm cm://builds/app/             upload as app/app.wasm
  casemate cp cm://builds/app/1.4.wasm app.wasm     download
  casemate cp cm://builds/notes.txt -               print
  tar c src | casemate cp - cm://backups/src.tar    upload from a pipe
  casemate cp cm://builds/a.wasm cm://kept/         copy to another bucket
  casemate cp app-1.4.zip s3://releases/app/        store as a delta, if that pays
  casemate cp s3://releases/app/app-1.4.zip .       get it back, verified
  casemate cp -r dist s3://releases/app/ --exclude '*.log'
  casemate cp -r s3://releases/app/ cm://builds/app/")]
pub(crate) struct Cp {
    /// A file, `-` for standard input, or an address such as cm://BUCKET/KEY or s3://BUCKET/KEY.
    source: String,
    /// A file or directory, `-` for standard output, or an address.
    target: String,
    /// The media type of the object. It is guessed from the file's ending otherwise.
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// Of an object in a node's bucket that keeps versions, download this one; `casemate ls --versions` lists them.
    #[arg(long, value_name = "ID", conflicts_with = "recursive")]
    version_id: Option<String>,
    /// Copy everything below the source.
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    transfer: TransferOptions,
}

impl Cp {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (source, target) = (Place::parse(&self.source)?, Place::parse(&self.target)?);
        let is_elsewhere = |place: &Place| matches!(place, Place::Remote(_));
        if self.recursive || is_elsewhere(&source) || is_elsewhere(&target) {
            return self.between(context, (&source, &target)).await;
        }
        match (Address::is_meant_by(&self.source), Address::is_meant_by(&self.target)) {
            (true, false) | (false, true) if self.transfer.is_dry() => {
                self.between(context, (&source, &target)).await
            }
            (false, true) => self.upload(context).await,
            (true, false) => self.download(context).await,
            (true, true) if self.transfer.is_dry() => self.between(context, (&source, &target)).await,
            (true, true) => self.pass_on(context).await,
            (false, false) => Err(CliError::CopyFiles),
        }
    }

    /// Copies an object of a node to another place there.
    async fn pass_on(&self, context: &Context) -> Result<Status, CliError> {
        Place::parse(&self.source)?.refuse_directory()?;
        let (source, target): (Address, Address) = (self.source.parse()?, self.target.parse()?);
        let name = source.rest.rsplit('/').next().unwrap_or_default();
        let (object, copy) = (source.object()?, target.object_for(name)?);
        // An older version that is copied onto its own key is the newest again.
        if object == copy && self.version_id.is_none() {
            return Err(CliError::SamePlace { place: self.source.clone() });
        }
        let media_type = self.media_type.as_deref().unwrap_or_else(|| media_type_of(&copy.key));
        let client = context.client()?;
        let version = self.version_id.as_deref();
        let stored = pass_on(&client, (&object, version), &copy, media_type).await?;
        if self.transfer.is_quiet() { Ok(Status::Done) } else { say_stored(context, &stored) }
    }

    async fn between(&self, context: &Context, ends: (&Place, &Place)) -> Result<Status, CliError> {
        let copier = self.transfer.copier(context, self.media_type.clone(), false);
        let opener = self.transfer.opener(context);
        let copied = if self.recursive {
            copy_many(&copier, &opener, ends, &self.transfer.filter).await?
        } else {
            copy_one(&copier, &opener, ends).await?
        };
        if context.output.json() && *ends.1 != Place::Pipe {
            context.output.value(&copied)?;
        }
        Ok(conclude(context.output, &copied))
    }

    async fn upload(&self, context: &Context) -> Result<Status, CliError> {
        Place::parse(&self.source)?.refuse_directory()?;
        let address: Address = self.target.parse()?;
        let (source, file_name) = if self.source == "-" {
            (Source::stdin(), String::new())
        } else {
            let path = Path::new(&self.source);
            (Source::file(path)?, file_name_of(path)?)
        };
        let object = address.object_for(&file_name)?;
        let media_type = self.media_type.as_deref().unwrap_or_else(|| media_type_of(&object.key));
        let client = context.client()?;
        let output = self.transfer.progress_of(context);
        let stored = transfer::upload(&client, &object, source, media_type, output).await?;
        if self.transfer.is_quiet() { Ok(Status::Done) } else { say_stored(context, &stored) }
    }

    async fn download(&self, context: &Context) -> Result<Status, CliError> {
        Place::parse(&self.source)?.refuse_directory()?;
        let object = self.source.parse::<Address>()?.object()?;
        let client = context.client()?;
        let download = get(&client, &object, self.version_id.as_deref()).await?;
        let size_bytes = download.length.unwrap_or(0);
        if self.target == "-" {
            let progress = self.transfer.progress_of(context);
            transfer::download(download, &self.source, &mut Stdout(context.output), progress).await?;
            return Ok(Status::Done);
        }
        let path = place_for(&self.target, &object.key);
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        sweep(parent.unwrap_or(Path::new(".")), SystemClock.now());
        let mut file = casemate_fs::create_user_file(&path)?;
        let label = path.display().to_string();
        let mut sink = transfer::Into { label: &label, file: &mut file };
        transfer::download(download, &self.source, &mut sink, self.transfer.progress_of(context)).await?;
        file.flush().map_err(|source| CliError::Write { what: format!("`{label}`"), source })?;
        file.commit()?;
        if context.output.json() && !self.transfer.is_quiet() {
            let source = of_object(&object.bucket, &object.key);
            context.output.value(&[Copied { source, target: label, size_bytes, error: None }])?;
        }
        Ok(Status::Done)
    }
}

fn say_stored(context: &Context, stored: &Object) -> Result<Status, CliError> {
    if context.output.json() {
        context.output.value(stored)?;
    } else {
        let address = of_object(&stored.bucket, &stored.key);
        context.output.note(&format!("stored {address} ({} bytes)", stored.size_bytes));
        context.output.line(&stored.digest)?;
    }
    Ok(Status::Done)
}

fn file_name_of(path: &Path) -> Result<String, CliError> {
    let name = path.file_name().unwrap_or_default().to_str();
    name.map(str::to_owned).ok_or_else(|| CliError::PathNotText { path: path.to_owned() })
}

/// Where an object goes that is copied to `target`: into it, if it is a directory.
fn place_for(target: &str, key: &str) -> PathBuf {
    let path = PathBuf::from(target);
    let is_directory = target.ends_with('/') || casemate_fs::open_user_dir(&path).is_ok();
    match key.rsplit('/').next() {
        Some(name) if is_directory && !name.is_empty() => path.join(name),
        Some(_) | None => path,
    }
}

/// The media type that a key's ending stands for. It helps browsers to show the object; nothing relies on it.
pub(crate) fn media_type_of(key: &str) -> &'static str {
    let ending = key.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("wasm") => "application/wasm",
        Some("txt" | "md" | "wat" | "log") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("yaml" | "yml") => "application/yaml",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("zip" | "whl") => "application/zip",
        Some("jar") => "application/java-archive",
        Some("tar") => "application/x-tar",
        Some("gz" | "tgz") => "application/gzip",
        Some("bz2" | "tbz2") => "application/x-bzip2",
        Some("xz" | "txz") => "application/x-xz",
        Some("zst") => "application/zstd",
        Some("7z") => "application/x-7z-compressed",
        Some("deb") => "application/vnd.debian.binary-package",
        Some("rpm") => "application/x-rpm",
        Some("iso") => "application/vnd.efi.iso",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("svg") => "image/svg+xml",
        Some("pdf") => "application/pdf",
        _ => MEDIA_TYPE_DEFAULT,
    }
}
