use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{ENTRY_BYTES, MAGIC, VIRTUAL_BYTES_MAX};

const CLUSTER_BITS: u32 = 16;
const CLUSTER_BYTES: u64 = 1 << CLUSTER_BITS;
/// Counts of 16 bits, as QEMU makes them.
const REFCOUNT_ORDER: u32 = 4;
const HEADER_BYTES: u32 = 104;

/// Clusters by what they hold.
const REFCOUNT_TABLE: u64 = 1;
const REFCOUNT_BLOCK: u64 = 2;
const L1_TABLE: u64 = 3;

/// Writes an image of which nothing is allocated into an empty file: a disk of `virtual_bytes`, at most
/// [`VIRTUAL_BYTES_MAX`].
///
/// The image names no backing file. Whoever opens it gives QEMU the whole chain, each file by its descriptor, so that no path
/// in an image is ever followed. It takes three small writes, and is not synced: an overlay that a crash leaves half-written
/// belongs to a machine that never started.
pub fn write_overlay(file: &File, virtual_bytes: u64) -> io::Result<()> {
    if virtual_bytes == 0 || virtual_bytes > VIRTUAL_BYTES_MAX {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let l1_entries = virtual_bytes.div_ceil(CLUSTER_BYTES / ENTRY_BYTES * CLUSTER_BYTES);
    let clusters = L1_TABLE + (l1_entries * ENTRY_BYTES).div_ceil(CLUSTER_BYTES);
    // All that is not written reads as zero: an empty table of level 1, and counts of clusters that are free.
    file.set_len(clusters * CLUSTER_BYTES)?;
    file.write_all_at(&(REFCOUNT_BLOCK * CLUSTER_BYTES).to_be_bytes(), REFCOUNT_TABLE * CLUSTER_BYTES)?;
    let used: Vec<u8> = (0..clusters).flat_map(|_| 1_u16.to_be_bytes()).collect();
    file.write_all_at(&used, REFCOUNT_BLOCK * CLUSTER_BYTES)?;
    file.write_all_at(&header(virtual_bytes, l1_entries), 0)
}

fn header(virtual_bytes: u64, l1_entries: u64) -> Vec<u8> {
    let l1_entries = u32::try_from(l1_entries).expect("a disk of at most 16 TiB has 32,768 entries");
    let fields: [&[u8]; 15] = [
        &MAGIC,
        &3_u32.to_be_bytes(),
        // No backing file: where its name is, and how long.
        &[0; 12],
        &CLUSTER_BITS.to_be_bytes(),
        &virtual_bytes.to_be_bytes(),
        // No encryption.
        &[0; 4],
        &l1_entries.to_be_bytes(),
        &(L1_TABLE * CLUSTER_BYTES).to_be_bytes(),
        &(REFCOUNT_TABLE * CLUSTER_BYTES).to_be_bytes(),
        // Clusters of the table of counts.
        &1_u32.to_be_bytes(),
        // No snapshots, and where they would be.
        &[0; 12],
        // No features: incompatible, compatible, and those that are cleared by who does not know them.
        &[0; 24],
        &REFCOUNT_ORDER.to_be_bytes(),
        &HEADER_BYTES.to_be_bytes(),
        // The end of the extensions.
        &[0; 8],
    ];
    fields.concat()
}
