use clap::Args;

use crate::address::{Address, of_object};
use crate::context::Context;
use crate::paging::Paging;
use crate::report::{CliError, Status};
use crate::tables::Column;

/// List buckets, or the objects of a bucket.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate ls                         every bucket
  casemate ls cm://builds             every object of a bucket
  casemate ls cm://builds/app/        those whose keys begin with app/
  casemate ls cm://builds --json      the same as JSON")]
pub(crate) struct Ls {
    /// cm://BUCKET, or cm://BUCKET/PREFIX.
    address: Option<Address>,
    #[command(flatten)]
    paging: Paging,
}

impl Ls {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match &self.address {
            None => self.buckets(context).await,
            Some(address) => self.objects(context, address).await,
        }
    }

    async fn buckets(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let client = &client;
        let buckets =
            self.paging.collect(output, |page| async move { client.buckets_list(&page).await }).await?;
        if output.json() {
            output.value(&buckets)?;
            return Ok(Status::Done);
        }
        if buckets.is_empty() {
            output.note("no buckets yet; `casemate cp FILE cm://BUCKET/KEY` makes one");
        }
        let rows = buckets.into_iter().map(|bucket| {
            let address = format!("cm://{}", bucket.bucket);
            vec![address, bucket.objects.to_string(), bucket.size_bytes.to_string(), bucket.created]
        });
        let columns = [
            Column::Text("bucket"),
            Column::Number("objects"),
            Column::Number("bytes"),
            Column::Text("created"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }

    async fn objects(&self, context: &Context, address: &Address) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, bucket) = (&client, address.bucket.as_str());
        let read = |page| async move { client.objects_list(bucket, &address.rest, &page).await };
        let objects = self.paging.collect(output, read).await?;
        if output.json() {
            output.value(&objects)?;
            return Ok(Status::Done);
        }
        if objects.is_empty() {
            output.note(&format!("no objects at {address}"));
        }
        let rows = objects.into_iter().map(|object| {
            let address = of_object(&object.bucket, &object.key);
            vec![address, object.size_bytes.to_string(), object.stored, object.digest]
        });
        let columns =
            [Column::Text("object"), Column::Number("bytes"), Column::Text("stored"), Column::Text("digest")];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}
