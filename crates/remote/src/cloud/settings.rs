use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use secrecy::{ExposeSecret, SecretString};

use super::answers::WaryConnector;
use super::s3_call::S3Caller;
use super::s3_list::S3Lister;
use crate::BucketError;

/// Where a bucket of S3 is, and who asks.
#[derive(Clone)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// Another server than Amazon's, by its address; then the bucket is part of the path.
    pub endpoint_url: Option<String>,
    /// The region, `us-east-1` if none is named.
    pub region: Option<String>,
    /// The id of the key; without one, the ways of Amazon's own machines are tried.
    pub access_key_id: Option<String>,
    /// The secret of the key.
    pub secret_access_key: Option<SecretString>,
    /// Whether to ask as nobody, for a bucket that is open to everybody.
    pub anonymous: bool,
    /// The token of a session.
    pub session_token: Option<SecretString>,
    /// How the store shall encrypt, as `x-amz-server-side-encryption` says it: `AES256` or `aws:kms`.
    pub encryption: Option<String>,
    /// The key of `aws:kms`.
    pub encryption_key_id: Option<String>,
    /// What Amazon's own machines set for those who run there, by the names of the variables.
    pub machine: BTreeMap<String, String>,
    /// How long and often to try again.
    pub retry: RetryBudget,
}

/// How long and often a request is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// The most times.
    pub tries_max: usize,
    /// For how long after the first try.
    pub time_max: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tries_max: 6, time_max: Duration::from_secs(60) }
    }
}

impl S3Settings {
    /// The bucket of that name, at Amazon.
    pub fn new(bucket: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            endpoint_url: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            anonymous: false,
            session_token: None,
            encryption: None,
            encryption_key_id: None,
            machine: BTreeMap::new(),
            retry: RetryBudget::default(),
        }
    }

    /// Who lists the bucket that `store` reads and writes, with the same credentials.
    pub(super) fn lister(&self, store: &AmazonS3) -> Result<S3Lister, BucketError> {
        let url = match &self.endpoint_url {
            Some(_) => format!("{}/{}", self.endpoint(), self.bucket),
            None => format!("https://{}.s3.{}.amazonaws.com/", self.bucket, self.region()),
        };
        Ok(S3Lister::new(self.caller(store)?, url))
    }

    /// Who asks as `store` does, for what that cannot ask for.
    pub(super) fn caller(&self, store: &AmazonS3) -> Result<S3Caller, BucketError> {
        let credentials = (!self.anonymous).then(|| store.credentials().clone());
        S3Caller::new(self.region().to_owned(), credentials, &self.client_options(), self.retry)
    }

    /// The address of the server, without a slash at its end.
    pub fn endpoint(&self) -> String {
        match &self.endpoint_url {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{}.amazonaws.com", self.region()),
        }
    }

    fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(REGION_DEFAULT)
    }

    fn client_options(&self) -> ClientOptions {
        let is_plain = self.endpoint_url.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        ClientOptions::new().with_timeout(REQUEST_TIME_MAX).with_allow_http(is_plain)
    }

    pub(super) fn build(&self) -> Result<AmazonS3, BucketError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(self.region())
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(self.client_options())
            .with_skip_signature(self.anonymous)
            .with_http_connector(WaryConnector)
            .with_retry(self.retry_config());
        if let Some(endpoint) = &self.endpoint_url {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        } else {
            // Only where it is sure to be understood: older servers refuse what they do not know.
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        if let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        }
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token.expose_secret());
        }
        for (name, value) in &self.machine {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        self.encrypted(builder)?.build().map_err(|error| BucketError::Settings(error.into()))
    }

    fn encrypted(&self, mut builder: AmazonS3Builder) -> Result<AmazonS3Builder, BucketError> {
        let options = [
            ("aws_server_side_encryption", &self.encryption),
            ("aws_sse_kms_key_id", &self.encryption_key_id),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                let key =
                    name.parse().map_err(|error: object_store::Error| BucketError::Settings(error.into()))?;
                builder = builder.with_config(key, value);
            }
        }
        Ok(builder)
    }

    fn retry_config(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: self.retry.tries_max,
            retry_timeout: self.retry.time_max,
        }
    }
}

impl fmt::Debug for S3Settings {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("endpoint_url", &self.endpoint_url)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

const REGION_DEFAULT: &str = "us-east-1";

/// The longest that one request may take: a part of an upload on a slow line.
pub(super) const REQUEST_TIME_MAX: Duration = Duration::from_secs(300);
