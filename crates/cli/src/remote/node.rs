//! Objects of a node as content in memory.

use std::sync::Arc;

use casemate_api::objects::ObjectRef;
use casemate_api::{Client, PageRequest};
use casemate_fs::{SealedBuilder, SealedBytes};

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
    (output, meter): (Output, &Arc<Meter>),
) -> Result<SealedBytes, CliError> {
    let download = client.objects_get(object, None).await?;
    let label = of_object(&object.bucket, &object.key);
    let mut sink = Metered { label: &label, builder: SealedBytes::builder()?, meter };
    transfer::download(download, &label, &mut sink, output.without_progress()).await?;
    Ok(sink.builder.seal()?)
}

struct Metered<'a> {
    label: &'a str,
    builder: SealedBuilder,
    meter: &'a Arc<Meter>,
}

impl Sink for Metered<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.meter.seen(bytes.len() as u64);
        transfer::Into { label: self.label, file: &mut self.builder }.take(bytes)
    }
}

/// Stores an object.
pub(super) async fn write(
    client: &Client,
    object: &ObjectRef,
    bytes: &SealedBytes,
    media_type: &str,
    (output, meter): (Output, &Arc<Meter>),
) -> Result<(), CliError> {
    let source = Source::sealed(&of_object(&object.bucket, &object.key), bytes);
    let meter = Arc::clone(meter);
    let source = source.counted(move |bytes| meter.seen(bytes));
    transfer::upload(client, object, source, media_type, output.without_progress()).await?;
    Ok(())
}

/// As many as a node gives at once.
const PAGE_MAX: u32 = 200;
