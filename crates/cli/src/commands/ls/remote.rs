//! Lists of buckets elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use casemate_remote::deltaglider::{Listing, LogicalObject};
use serde::Serialize;
use serde_json::json;

use super::Ls;
use crate::context::Context;
use crate::remote::{RemoteAddress, say_unusable};
use crate::report::{CliError, Status};
use crate::tables::Column;

/// What a list shows.
#[derive(Debug, Default, Serialize)]
struct Listed {
    folders: Vec<String>,
    objects: Vec<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    /// What is there and cannot be used, by key, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Object {
    key: String,
    size_bytes: u64,
    stored_bytes: u64,
    stored: String,
    delta: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    objects: usize,
    size_bytes: u64,
    stored_bytes: u64,
}

impl Ls {
    /// The buckets of S3 that the credentials may see.
    pub(super) async fn account(&self, context: &Context) -> Result<Status, CliError> {
        let buckets = self.buckets.list().await?;
        if context.output.json() {
            let values = buckets.iter().map(|bucket| {
                json!({ "address": format!("s3://{}", bucket.name), "created": bucket.created.to_string() })
            });
            context.output.value(&values.collect::<Vec<_>>())?;
            return Ok(Status::Done);
        }
        if buckets.is_empty() {
            context.output.note("there are no buckets that the credentials may list");
        }
        let rows = buckets
            .into_iter()
            .map(|bucket| vec![format!("s3://{}", bucket.name), bucket.created.to_string()]);
        context.output.rows(&[Column::Text("bucket"), Column::Text("created")], rows.collect())?;
        Ok(Status::Done)
    }

    pub(super) async fn remote(
        &self,
        context: &Context,
        address: &RemoteAddress,
    ) -> Result<Status, CliError> {
        let Listing { objects, unusable } = self.buckets.open(context, address)?.list(&address.rest).await?;
        if objects.is_empty() && unusable.is_empty() {
            context.output.note(&format!("no objects at {address}"));
        }
        let summary = self.summarize.then(|| Summary {
            objects: objects.len(),
            size_bytes: objects.iter().map(|object| object.size_bytes).sum(),
            stored_bytes: objects.iter().map(|object| object.stored_bytes).sum(),
        });
        let failed =
            unusable.iter().map(|unusable| (unusable.key.clone(), unusable.reason.clone())).collect();
        let listed = Listed { summary, failed, ..self.folded(&address.rest, objects) };
        if context.output.json() {
            context.output.value(&listed)?;
        } else {
            self.say(context, address, listed)?;
        }
        Ok(say_unusable(context.output, address, &unusable))
    }

    /// Shows only the folder of what lies deeper, unless everything is wanted.
    fn folded(&self, prefix: &str, objects: Vec<LogicalObject>) -> Listed {
        let (mut folders, mut listed) = (BTreeSet::new(), Listed::default());
        for object in objects {
            let deeper = object.key[prefix.len()..].split_once('/').filter(|_| !self.recursive);
            if let Some((folder, _)) = deeper {
                folders.insert(format!("{prefix}{folder}/"));
                continue;
            }
            let LogicalObject { key, size_bytes, stored_bytes, modified, is_delta } = object;
            let stored = modified.to_string();
            listed.objects.push(Object { key, size_bytes, stored_bytes, stored, delta: is_delta });
        }
        listed.folders = folders.into_iter().collect();
        listed
    }

    fn say(&self, context: &Context, address: &RemoteAddress, listed: Listed) -> Result<(), CliError> {
        let folders = listed.folders.iter().map(|folder| {
            vec![address.at(folder).to_string(), "-".to_owned(), "-".to_owned(), "folder".to_owned()]
        });
        let objects = listed.objects.iter().map(|object| {
            let form = if object.delta { "delta" } else { "whole" };
            let size = self.size(object.size_bytes);
            vec![address.at(&object.key).to_string(), size, object.stored.clone(), form.to_owned()]
        });
        let columns =
            [Column::Text("object"), Column::Number("bytes"), Column::Text("stored"), Column::Text("form")];
        context.output.rows(&columns, folders.chain(objects).collect())?;
        if let Some(Summary { objects, size_bytes, stored_bytes }) = listed.summary {
            context.output.fields(&[
                ("objects", objects.to_string()),
                ("bytes", self.size(size_bytes)),
                ("stored", self.size(stored_bytes)),
            ])?;
        }
        Ok(())
    }

    fn size(&self, bytes: u64) -> String {
        if self.human_readable { human(bytes) } else { bytes.to_string() }
    }
}

/// With one decimal, cut off.
fn human(bytes: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, size)| bytes >= *size);
    match unit {
        Some((name, size)) => format!("{}.{} {name}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} B"),
    }
}

const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_for_people() {
        assert_eq!(
            [human(0), human(1023), human(1536), human(3 << 30)],
            ["0 B", "1023 B", "1.5 KiB", "3.0 GiB"]
        );
    }
}
