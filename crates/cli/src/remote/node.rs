//! Objects of a node as content in memory or on their way.

use std::io::{self, Write};
use std::sync::Arc;

use casemate_api::objects::{Object, ObjectRef};
use casemate_api::{Client, ClientError, Download, PageRequest, ProblemCode, Upload};
use casemate_fs::SealedBytes;
use futures_util::stream;

use super::{Item, Meter};
use crate::address::{Address, of_object};
use crate::output::Output;
use crate::report::CliError;
use crate::transfer::{self, Sink, Source};

/// Every object whose key begins with the address, by what follows. That the bucket is not there is an error: an empty
/// list would say that everything in it was deleted.
pub(super) async fn list(client: &Client, address: &Address) -> Result<Vec<Item>, CliError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: Some(PAGE_MAX), after };
        let page = client.objects_list(address.bucket.as_str(), &address.rest, &page).await?;
        for object in page.items {
            let name = object.key.strip_prefix(&address.rest).unwrap_or(&object.key).to_owned();
            let modified = object.stored.parse().ok();
            found.push(Item { name, size_bytes: object.size_bytes, modified });
        }
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    if found.is_empty() {
        check_bucket(client, address).await?;
    }
    Ok(found)
}

/// Refuses a bucket that is not there, whose list a node gives as empty.
pub(crate) async fn check_bucket(client: &Client, address: &Address) -> Result<(), CliError> {
    client.buckets_show(address.bucket.as_str()).await?;
    Ok(())
}

/// Starts to read an object, or a version of it. That its content is gone is no matter of what was asked for.
pub(crate) async fn get(
    client: &Client,
    object: &ObjectRef,
    version: Option<&str>,
) -> Result<Download, CliError> {
    match client.objects_get(object, version).await {
        Err(ClientError::Problem(problem)) if problem.code == ProblemCode::BlobMissing => {
            Err(CliError::ContentLost { address: of_object(&object.bucket, &object.key) })
        }
        got => Ok(got?),
    }
}

/// Reads an object, or a version of it; what arrives is compared with its digest.
pub(super) async fn read(
    client: &Client,
    object: &ObjectRef,
    version: Option<&str>,
    progress: (Output, &Arc<Meter>),
) -> Result<SealedBytes, CliError> {
    let mut builder = SealedBytes::builder()?;
    let download = get(client, object, version).await?;
    save(download, object, &mut builder, progress).await?;
    Ok(builder.seal()?)
}

/// Passes an object, or a version of it, on to another place at the node, which compares it with its digest.
pub(crate) async fn pass_on(
    client: &Client,
    (source, version): (&ObjectRef, Option<&str>),
    target: &ObjectRef,
    media_type: &str,
) -> Result<Object, CliError> {
    let download = get(client, source, version).await?;
    let (length, digest) = (download.length, download.digest.clone());
    let pieces = stream::try_unfold(download, |mut download| async move {
        let piece = download.chunk().await.map_err(io::Error::other)?;
        Ok(piece.map(|piece| (piece, download)))
    });
    let upload = Upload::stream(length, pieces);
    Ok(client.objects_put(target, media_type, digest.as_deref(), upload).await?)
}

/// Reads an object into `file`, which is worth nothing unless this goes well. Says how large it is.
pub(super) async fn read_into<W: Write + Send>(
    client: &Client,
    object: &ObjectRef,
    file: &mut W,
    progress: (Output, &Arc<Meter>),
) -> Result<u64, CliError> {
    let download = get(client, object, None).await?;
    save(download, object, file, progress).await
}

async fn save<W: Write + Send>(
    download: Download,
    object: &ObjectRef,
    file: &mut W,
    (output, meter): (Output, &Arc<Meter>),
) -> Result<u64, CliError> {
    let label = of_object(&object.bucket, &object.key);
    let mut sink = Metered { label: &label, file, meter, length: 0 };
    transfer::download(download, &label, &mut sink, output.without_progress()).await?;
    Ok(sink.length)
}

struct Metered<'a, W> {
    label: &'a str,
    file: &'a mut W,
    meter: &'a Arc<Meter>,
    length: u64,
}

impl<W: Write + Send> Sink for Metered<'_, W> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.meter.seen(bytes.len() as u64);
        self.length += bytes.len() as u64;
        transfer::Into { label: self.label, file: self.file }.take(bytes)
    }
}

/// Stores an object.
pub(super) async fn write(
    client: &Client,
    object: &ObjectRef,
    source: Source,
    media_type: &str,
    (output, meter): (Output, &Arc<Meter>),
) -> Result<u64, CliError> {
    let meter = Arc::clone(meter);
    let source = source.counted(move |bytes| meter.seen(bytes));
    let stored = transfer::upload(client, object, source, media_type, output.without_progress()).await?;
    Ok(stored.size_bytes)
}

/// As many as a node gives at once.
const PAGE_MAX: u32 = 200;
