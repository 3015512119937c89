mod remote;

use std::str::FromStr;

use clap::{ArgAction, Args};

use crate::address::{Address, of_object};
use crate::context::Context;
use crate::paging::Paging;
use crate::remote::{AnyAddress, BucketOptions, check_bucket};
use crate::report::{CliError, Status};
use crate::tables::Column;

/// List buckets, or the objects of a bucket.
///
/// In buckets elsewhere, objects have the names and sizes of their files, however they are stored.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
Examples:
  casemate ls                         every bucket
  casemate ls cm://builds             every object of a bucket
  casemate ls cm://builds/app/        those whose keys begin with app/
  casemate ls cm://builds --json      the same as JSON
  casemate ls s3://                   the buckets that the credentials may list
  casemate ls cm://builds --versions  every version of them
  casemate ls s3://releases/app/      objects and folders of a bucket elsewhere
  casemate ls -rh s3://releases --summarize"
)]
pub(crate) struct Ls {
    /// cm://BUCKET, or cm://BUCKET/PREFIX; also of s3://, gs://, az:// and file:///DIRECTORY//PREFIX. s3:// alone for
    /// its buckets.
    address: Option<Listed>,
    /// Of a node's bucket, list the versions of its objects, the newest first.
    #[arg(long)]
    versions: bool,
    /// Of a bucket elsewhere, list what is in folders too.
    #[arg(short, long)]
    recursive: bool,
    /// Of a bucket elsewhere, write sizes as KiB, MiB and so on.
    #[arg(short, long)]
    human_readable: bool,
    /// Of a bucket elsewhere, also say how many objects there are and how large they are together.
    #[arg(long)]
    summarize: bool,
    /// Print help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    buckets: BucketOptions,
}

/// What can be listed.
#[derive(Clone, Debug)]
enum Listed {
    /// The buckets of S3 that the credentials may see.
    Account,
    /// What is in a bucket.
    In(AnyAddress),
}

impl FromStr for Listed {
    type Err = <AnyAddress as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "s3://" { Ok(Self::Account) } else { text.parse().map(Self::In) }
    }
}

impl Ls {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match &self.address {
            None => self.buckets(context).await,
            Some(Listed::Account) => self.account(context).await,
            Some(Listed::In(AnyAddress::Node(address))) if self.versions => {
                self.versions(context, address).await
            }
            Some(Listed::In(AnyAddress::Node(address))) => self.objects(context, address).await,
            Some(Listed::In(AnyAddress::Remote(address))) => self.remote(context, address).await,
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

    async fn versions(&self, context: &Context, address: &Address) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, bucket) = (&client, address.bucket.as_str());
        let read = |page| async move { client.objects_versions(bucket, &address.rest, &page).await };
        let versions = self.paging.collect(output, read).await?;
        if versions.is_empty() {
            check_bucket(client, address).await?;
        }
        if output.json() {
            output.value(&versions)?;
            return Ok(Status::Done);
        }
        if versions.is_empty() {
            output.note(&format!("no versions at {address}"));
        }
        let rows = versions.into_iter().map(|version| {
            let state = match (&version.digest, version.latest) {
                (None, _) => "deleted",
                (Some(_), true) => "newest",
                (Some(_), false) => "older",
            };
            let address = of_object(&version.bucket, &version.key);
            let size = version.size_bytes.to_string();
            vec![address, version.version, state.to_owned(), size, version.stored]
        });
        let columns = [
            Column::Text("object"),
            Column::Text("version"),
            Column::Text("state"),
            Column::Number("bytes"),
            Column::Text("stored"),
        ];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }

    async fn objects(&self, context: &Context, address: &Address) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let (client, bucket) = (&client, address.bucket.as_str());
        let read = |page| async move { client.objects_list(bucket, &address.rest, &page).await };
        let objects = self.paging.collect(output, read).await?;
        if objects.is_empty() {
            check_bucket(client, address).await?;
        }
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
