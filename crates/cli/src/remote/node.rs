//! Objects of a node as content in memory or on their way.

use std::io::Write;
use std::sync::Arc;

use casemate_api::objects::ObjectRef;
use casemate_api::{Client, PageRequest};
use casemate_fs::SealedBytes;

use super::{Item, Meter};
use crate::address::{Address, of_object};
use crate::output::Output;
use crate::report::CliError;
use crate::transfer::{self, Sink, Source};

/// Every object whose key begins with the address, by what follows.
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
        let Some(next) = page.next else { return Ok(found) };
        after = Some(next);
    }
}

/// Reads an object; what arrives is compared with its digest.
pub(super) async fn read(
    client: &Client,
    object: &ObjectRef,
    progress: (Output, &Arc<Meter>),
) -> Result<SealedBytes, CliError> {
    let mut builder = SealedBytes::builder()?;
    read_into(client, object, &mut builder, progress).await?;
    Ok(builder.seal()?)
}

/// Reads an object into `file`, which is worth nothing unless this goes well. Says how large it is.
pub(super) async fn read_into<W: Write + Send>(
    client: &Client,
    object: &ObjectRef,
    file: &mut W,
    (output, meter): (Output, &Arc<Meter>),
) -> Result<u64, CliError> {
    let download = client.objects_get(object, None).await?;
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
