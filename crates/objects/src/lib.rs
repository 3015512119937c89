//! Buckets and keys over content-addressed blobs. Every read is checked; what fails the check is never served.
//!
//! ```text
//!   put: stream -> staged file + hash -> content/<project>/ab/cd/<hex> (durable) -> catalog row + audit entry -> answer
//!   get: catalog row -> small blob: hashed, as sealed bytes; large blob: each piece hashed before it is handed out
//! ```
//!
//! No path of a blob ever leaves this crate, so nothing can be swapped between the check and the use.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests"))]

mod blob_id;
mod blobs;
mod encryption;
mod error;
mod fsck;
mod lifecycle;
mod objects;
mod ports;
mod records;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
mod verified;

pub use blob_id::BlobId;
pub use blobs::PieceKey;
pub use blobs::inventory::{BaseFault, Form};
pub use encryption::{Encryption, EncryptionError, KeyChange, KeyPlaces, MasterKeys};
pub use error::ObjectsError;
pub use fsck::{Fault, Finding, Fsck, FsckOptions, FsckReport, Mending, Repair, SetAside};
pub use lifecycle::{LifecycleError, LifecycleRule, OlderVersions};
pub use objects::{
    CompletedPart, Graph, Hold, Lapsed, Listing, NewObject, NewPart, Node, Objects, Settings, Stamp, Storage,
    StoredBlob, UploadLeftovers, Verdict, Version,
};
pub use ports::{
    BlobCatalog, BlobRecord, BucketCatalog, BucketDeleted, Catalog, Inventory, Located, ObjectCatalog,
    ObjectPage, Place, SampleCatalog, UploadCatalog, UploadPage, VersionPage,
};
pub use records::{
    Attributes, Before, BucketRecord, BucketSample, BucketSettings, BucketTotals, Configured, CorsRule,
    Deleted, ETag, ETagError, ObjectRecord, OverQuota, Packing, PartPut, PartRecord, ProjectQuota,
    ProjectUsage, Put, PutRule, UploadRecord, VersionRecord, Versioning, is_media_type,
};
pub use verified::VerifiedBlob;
