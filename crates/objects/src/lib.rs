//! Buckets and keys over content-addressed blobs. Every read is checked; what fails the check is never served.
//!
//! ```text
//!   put: stream -> staged file + hash -> blobs/ab/cd/<hex> (durable) -> catalog row + audit entry -> answer
//!   get: catalog row -> blob opened and hashed through one descriptor -> sealed bytes, or that same descriptor
//! ```
//!
//! No path of a blob ever leaves this crate, so nothing can be swapped between the check and the use.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests"))]

mod blobs;
mod error;
mod fsck;
mod objects;
mod ports;
mod records;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
mod verified;

pub use blobs::inventory::{BaseFault, Form};
pub use error::ObjectsError;
pub use fsck::{Fault, Finding, Fsck, FsckOptions, FsckReport, Mending, Repair, SetAside};
pub use objects::{
    CompletedPart, Hold, Listing, NewObject, NewPart, Objects, Settings, Stamp, StoredBlob, UploadLeftovers,
    Version,
};
pub use ports::{
    BlobCatalog, BlobRecord, BucketCatalog, BucketDeleted, Catalog, Inventory, ObjectCatalog, ObjectPage,
    Place, UploadCatalog, UploadPage, VersionPage,
};
pub use records::{
    Attributes, Before, BucketRecord, BucketSettings, BucketTotals, CorsRule, Deleted, ETag, ETagError,
    ObjectRecord, Packing, PartRecord, Put, PutRule, UploadRecord, VersionRecord, Versioning,
};
pub use verified::VerifiedBlob;
