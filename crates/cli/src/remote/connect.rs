use std::path::{Path, PathBuf};
use std::sync::Arc;

use casemate_remote::deltaglider::{DeltaGlider, ReferenceCache, Settings, Vcdiff};
use casemate_remote::{AwsFlags, AwsSources, Bucket, CloudBucket, DirectoryBucket, ListedBucket, S3Account};
use clap::Args;

use super::address::Scheme;
use super::meter::MeteredBucket;
use super::{Meter, RemoteAddress};
use crate::cache::CacheOptions;
use crate::context::Context;
use crate::location;
use crate::report::CliError;
use crate::world::SystemClock;

/// Where buckets of S3 are and who asks, as Amazon's own tool takes it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options for s3:// addresses")]
pub(crate) struct BucketOptions {
    /// Another S3 server than Amazon's.
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// The region of the bucket.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The profile of ~/.aws/config and ~/.aws/credentials.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    cache: CacheOptions,
}

impl BucketOptions {
    /// Opens the bucket of an address. Of the stores in the network, nothing is asked yet.
    pub(crate) fn open(&self, context: &Context, address: &RemoteAddress) -> Result<DeltaGlider, CliError> {
        let (bucket, endpoint) = self.bucket(address)?;
        self.engine(context, address, bucket, endpoint)
    }

    /// The same, and what arrives from it is shown as progress.
    pub(crate) fn open_metered(
        &self,
        context: &Context,
        address: &RemoteAddress,
        meter: &Arc<Meter>,
    ) -> Result<DeltaGlider, CliError> {
        let (inner, endpoint) = self.bucket(address)?;
        let bucket = Arc::new(MeteredBucket { inner, meter: Arc::clone(meter) });
        self.engine(context, address, bucket, endpoint)
    }

    /// The buckets of S3 that the credentials may see.
    pub(crate) async fn list(&self) -> Result<Vec<ListedBucket>, CliError> {
        Ok(S3Account::new(&self.sources()?.settings(NO_BUCKET)?)?.buckets().await?)
    }

    fn engine(
        &self,
        context: &Context,
        address: &RemoteAddress,
        bucket: Arc<dyn Bucket>,
        endpoint: String,
    ) -> Result<DeltaGlider, CliError> {
        let (codec, clock) = (Arc::new(Vcdiff), Arc::new(SystemClock));
        let Some(cache) = context.cache(&self.cache)? else {
            return Ok(DeltaGlider::new(bucket, codec, clock, Settings::default()));
        };
        // What does not fit into memory is in the cache.
        let settings = Settings { reference_bytes_max: REFERENCE_BYTES_MAX, ..Settings::default() };
        let place = ReferenceCache { cache, endpoint, bucket: address.bucket.clone() };
        Ok(DeltaGlider::new(bucket, codec, clock, settings).with_cache(place))
    }

    /// A bucket, and the address of its server.
    fn bucket(&self, address: &RemoteAddress) -> Result<(Arc<dyn Bucket>, String), CliError> {
        Ok(match address.scheme {
            Scheme::S3 => {
                let settings = self.sources()?.settings(&address.bucket)?;
                let endpoint = settings.endpoint();
                (Arc::new(CloudBucket::s3(&settings)?), endpoint)
            }
            Scheme::Google => {
                let bucket = CloudBucket::gcs(&address.bucket, location::variables_beginning("GOOGLE_"))?;
                (Arc::new(bucket), "gs:".to_owned())
            }
            Scheme::Azure => {
                let options = location::variables_beginning("AZURE_");
                let named = ["AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"];
                let account: Vec<&str> =
                    named.iter().filter_map(|name| options.get(*name).map(String::as_str)).collect();
                let endpoint = format!("az:{}", account.join(" "));
                (Arc::new(CloudBucket::azure(&address.bucket, options)?), endpoint)
            }
            Scheme::Directory => {
                let directory = casemate_fs::open_user_dir(Path::new(&address.bucket))?;
                (Arc::new(DirectoryBucket::new(directory)), "file:".to_owned())
            }
        })
    }

    fn sources(&self) -> Result<AwsSources, CliError> {
        let environment = location::variables_beginning("AWS_");
        let read = |variable: &str, name: &str| match environment.get(variable) {
            Some(path) => text_of(Some(PathBuf::from(path))),
            None => text_of(location::in_home(&format!(".aws/{name}"))),
        };
        let (config, credentials) =
            (read("AWS_CONFIG_FILE", "config")?, read("AWS_SHARED_CREDENTIALS_FILE", "credentials")?);
        let flags = AwsFlags {
            endpoint_url: self.endpoint_url.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
        };
        Ok(AwsSources { flags, environment, config, credentials })
    }
}

/// A file that may be absent.
fn text_of(path: Option<PathBuf>) -> Result<String, CliError> {
    let Some(path) = path else { return Ok(String::new()) };
    match casemate_fs::read_config_file(&path, FILE_BYTES_MAX) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| CliError::NotText { path }),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// Far more than anybody's profiles take.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How much of references an engine holds in memory beside the cache.
const REFERENCE_BYTES_MAX: u64 = 256 << 20;

/// For settings that are of no bucket.
const NO_BUCKET: &str = "none";
