//! Other people's buckets, and DeltaGlider's format on them.
//!
//! [`Bucket`] is the port: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage, a directory, memory.
//! A failure is never taken for absence. [`deltaglider`] reads and writes what DeltaGlider keeps on such a bucket,
//! and gives out nothing whose hash was not compared.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests"))]

mod bucket;
mod cloud;
pub mod deltaglider;
mod directory;
mod error;
mod memory;
#[cfg(any(test, feature = "test-support"))]
#[allow(clippy::disallowed_methods, reason = "tests prepare files behind the crate's back")]
pub mod test_support;

pub use bucket::{
    Body, Bucket, ByteStream, Condition, Download, Head, ListEntry, ListPage, ListQuery, Metadata, Stored,
    Unusable, Upload, list_all,
};
pub use cloud::{
    AwsFlags, AwsSources, AwsSourcesError, CloudBucket, ListedBucket, RetryBudget, S3Account, S3Settings,
};
pub use directory::DirectoryBucket;
pub use error::{BucketError, Cause, ServerFault};
pub use memory::MemoryBucket;
