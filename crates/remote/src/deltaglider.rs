//! DeltaGlider's format on a bucket: what Python DeltaGlider 6 and its Rust successor wrote is read, and what is
//! written here both can read.
//!
//! ```text
//!   p/reference.bin   the first eligible file of the folder p/, raw
//!   p/a.zip.delta     p/a.zip as a VCDIFF against it
//!   p/notes.txt       whatever pays no delta, as it is ("direct"), or was never DeltaGlider's ("plain")
//!   .deltaglider/     statistics and temporary objects; hidden
//! ```
//!
//! Users name *logical* keys, such as `p/a.zip`. A logical key that ends in `.delta`, or whose name is
//! `reference.bin`, is always stored as a delta, under one `.delta` more, so that it is never mistaken.
//!
//! What comes back was compared with its SHA-256, or is an error. What is stored was decoded and compared first.

mod codec;
mod delete;
mod engine;
mod error;
mod get;
mod list;
mod memory;
mod metadata;
mod names;
mod put;
mod put_file;
mod references;
mod rescue;
mod stats;
mod stored;
mod vcdiff;

pub use codec::{CodecError, Decoded, DeltaCodec};
pub use delete::Deleted;
pub use engine::{DeltaGlider, Settings};
pub use error::DeltaGliderError;
pub use get::{Restored, Verification};
pub use list::{Listing, LogicalObject, PurgeReport};
pub use metadata::{DeltaRecord, DirectRecord, Record, ReferenceRecord};
pub use names::{LogicalKey, is_eligible};
pub use put::{PutOptions, PutOutcome};
pub use put_file::Content;
pub use references::ReferenceCache;
pub use stats::{Stats, StatsMode};
pub use stored::{Form, ObjectStat};
pub use vcdiff::Vcdiff;

#[cfg(test)]
mod tests;
