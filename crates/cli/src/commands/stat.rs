use casemate_api::objects::{self as wire, Base, ObjectInfo};
use casemate_remote::deltaglider::{Form, LogicalKey, ObjectStat};
use clap::Args;
use serde_json::json;

use crate::address::{Address, of_object};
use crate::context::Context;
use crate::remote::{AnyAddress, BucketOptions, RemoteAddress};
use crate::report::{CliError, Status};

/// Show an object's size, digest and times.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate stat cm://builds/app/1.4.wasm
  casemate stat cm://builds/app/1.4.wasm --json | jq -r .digest
  casemate stat s3://releases/app/app-1.4.zip")]
pub(crate) struct Stat {
    /// cm://BUCKET/KEY, or an address such as s3://BUCKET/KEY.
    address: AnyAddress,
    /// Of a node's bucket that keeps versions, show this one; `casemate ls --versions` lists them.
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
    #[command(flatten)]
    buckets: BucketOptions,
}

impl Stat {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match &self.address {
            AnyAddress::Node(address) => of_node(context, address, self.version_id.as_deref()).await,
            AnyAddress::Remote(address) => self.of_remote(context, address).await,
        }
    }

    async fn of_remote(&self, context: &Context, address: &RemoteAddress) -> Result<Status, CliError> {
        let stat = self.buckets.open(context, address)?.stat(&LogicalKey::parse(&address.rest)?).await?;
        let ObjectStat { form, size_bytes, stored_bytes, modified, sha256 } = stat;
        let digest = sha256.map(|digest| digest.to_string());
        let form = form_name(form);
        if context.output.json() {
            context.output.value(&json!({
                "address": address.to_string(),
                "digest": digest,
                "size_bytes": size_bytes,
                "stored_bytes": stored_bytes,
                "form": form,
                "stored": modified.to_string(),
            }))?;
            return Ok(Status::Done);
        }
        context.output.fields(&[
            ("object", address.to_string()),
            ("digest", digest.unwrap_or_else(|| "unknown".to_owned())),
            ("bytes", size_bytes.to_string()),
            ("in the bucket", format!("{stored_bytes} bytes, {form}")),
            ("stored", modified.to_string()),
        ])?;
        Ok(Status::Done)
    }
}

/// How a form is called in data.
pub(super) const fn form_name(form: Form) -> &'static str {
    match form {
        Form::Delta => "delta",
        Form::Direct => "whole",
        Form::Plain => "foreign",
    }
}

async fn of_node(context: &Context, address: &Address, version: Option<&str>) -> Result<Status, CliError> {
    let object = context.client()?.objects_stat(&address.object()?, version).await?;
    if context.output.json() {
        context.output.value(&object)?;
        return Ok(Status::Done);
    }
    let ObjectInfo { object, stored_bytes, form, base } = object;
    let on_disk = match (stored_bytes, form, base) {
        (None, _, _) => "whole so far".to_owned(),
        (Some(bytes), wire::Form::Whole, _) => format!("{bytes} bytes, whole"),
        (Some(bytes), wire::Form::Packed, _) => format!("{bytes} bytes, packed"),
        (Some(bytes), wire::Form::Difference, None) => {
            format!("{bytes} bytes, as a difference to what was here once")
        }
        (Some(bytes), wire::Form::Difference, Some(base)) => {
            let Base { bucket, key, version } = base;
            let version = if version == "null" { String::new() } else { format!(", version {version}") };
            format!("{bytes} bytes, as a difference to {}{version}", of_object(&bucket, &key))
        }
    };
    context.output.fields(&[
        ("object", of_object(&object.bucket, &object.key)),
        ("digest", object.digest),
        ("bytes", object.size_bytes.to_string()),
        ("on disk", on_disk),
        ("type", object.media_type),
        ("stored", object.stored),
        ("version", object.version),
    ])?;
    Ok(Status::Done)
}
