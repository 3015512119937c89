//! Disk images in QEMU's copy-on-write format, version 2 and 3: what is taken, and new ones.
//!
//! Source of the layout: "Qcow2 Image File Format" of QEMU's interoperability documents.
//!
//! An image from outside is looked at here before any tool of QEMU opens it, because opening follows what the image says: to
//! other files, over networks, into gigabytes of tables. What is taken stands alone, and its tables are no larger than its
//! size explains.

mod header;
mod overlay;

pub use header::{ImageError, Qcow2Header, VIRTUAL_BYTES_MAX};
pub use overlay::write_overlay;

/// What a file of this format begins with: `QFI` and 0xfb.
const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Bytes of an entry of a table of level 1, and of the table of reference counts.
const ENTRY_BYTES: u64 = 8;
