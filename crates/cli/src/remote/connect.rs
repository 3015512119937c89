use std::path::{Path, PathBuf};
use std::sync::Arc;

use casemate_remote::deltaglider::{DeltaGlider, Settings, Vcdiff};
use casemate_remote::{AwsFlags, AwsSources, Bucket, CloudBucket, DirectoryBucket};
use clap::Args;

use super::RemoteAddress;
use super::address::Scheme;
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
}

impl BucketOptions {
    /// Opens the bucket of an address. Of the stores in the network, nothing is asked yet.
    pub(crate) fn open(&self, address: &RemoteAddress) -> Result<DeltaGlider, CliError> {
        let bucket: Arc<dyn Bucket> = match address.scheme {
            Scheme::S3 => Arc::new(CloudBucket::s3(&self.sources()?.settings(&address.bucket)?)?),
            Scheme::Google => {
                Arc::new(CloudBucket::gcs(&address.bucket, location::variables_beginning("GOOGLE_"))?)
            }
            Scheme::Azure => {
                Arc::new(CloudBucket::azure(&address.bucket, location::variables_beginning("AZURE_"))?)
            }
            Scheme::Directory => {
                Arc::new(DirectoryBucket::new(casemate_fs::open_user_dir(Path::new(&address.bucket))?))
            }
        };
        Ok(DeltaGlider::new(bucket, Arc::new(Vcdiff), Arc::new(SystemClock), Settings::default()))
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
