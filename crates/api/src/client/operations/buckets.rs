use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::objects::{Bucket, BucketSample, ConfigureBucket, CreateBucket, Usage};
use crate::{Client, ClientError, Page};

impl Client {
    /// `buckets.list`: the buckets of the project.
    pub async fn buckets_list(&self, page: &PageRequest) -> Result<Page<Bucket>, ClientError> {
        self.json(Call::new("buckets.list", Method::GET, page.apply(Path::new("/buckets")))).await
    }

    /// `buckets.list`: what the project holds, and the most that it may.
    pub async fn buckets_usage(&self) -> Result<Usage, ClientError> {
        self.json(Call::new("buckets.list", Method::GET, Path::new("/usage"))).await
    }

    /// `buckets.create`: makes an empty bucket.
    pub async fn buckets_create(&self, bucket: &CreateBucket) -> Result<Bucket, ClientError> {
        self.create(Call::new("buckets.create", Method::POST, Path::new("/buckets")).json(bucket)).await
    }

    /// `buckets.show`: a bucket.
    pub async fn buckets_show(&self, bucket: &str) -> Result<Bucket, ClientError> {
        self.json(Call::new("buckets.show", Method::GET, path_of(bucket))).await
    }

    /// `buckets.configure`: changes settings of a bucket.
    pub async fn buckets_configure(
        &self,
        bucket: &str,
        change: &ConfigureBucket,
    ) -> Result<Bucket, ClientError> {
        self.json(Call::new("buckets.configure", Method::PATCH, path_of(bucket)).json(change)).await
    }

    /// `buckets.delete`: deletes an empty bucket.
    pub async fn buckets_delete(&self, bucket: &str) -> Result<(), ClientError> {
        self.whole(Call::new("buckets.delete", Method::DELETE, path_of(bucket))).await.map(drop)
    }

    /// `buckets.show`: what a bucket took, day by day, the newest first.
    pub async fn buckets_samples(
        &self,
        bucket: &str,
        page: &PageRequest,
    ) -> Result<Page<BucketSample>, ClientError> {
        self.json(Call::new("buckets.show", Method::GET, page.apply(path_of(bucket).then("/samples")))).await
    }
}

fn path_of(bucket: &str) -> Path {
    Path::new("/buckets").segment(bucket)
}
