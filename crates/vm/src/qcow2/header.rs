use super::{ENTRY_BYTES, MAGIC};

/// The largest disk that a guest sees: 16 TiB. QEMU makes larger ones, with tables to match.
pub const VIRTUAL_BYTES_MAX: u64 = 16 << 40;

/// Most bytes of a header that are looked at; more is no header of QEMU's.
pub(crate) const HEADER_BYTES_MAX: usize = 64 << 10;

const V2_BYTES: u64 = 72;
const V3_BYTES_MIN: u64 = 104;
/// QEMU's own bounds: 512 bytes to 2 MiB.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// Counts of 1 to 64 bits.
const REFCOUNT_ORDER_MAX: u32 = 6;

/// Features whose absence makes an image unreadable, as bits of version 3.
mod incompatible {
    pub(super) const DIRTY: u64 = 1;
    pub(super) const CORRUPT: u64 = 1 << 1;
    pub(super) const DATA_FILE: u64 = 1 << 2;
    pub(super) const COMPRESSION: u64 = 1 << 3;
    pub(super) const EXTENDED_L2: u64 = 1 << 4;
}

/// Kinds of extensions that follow the header.
mod extension {
    pub(super) const END: u32 = 0;
    pub(super) const BACKING_FORMAT: u32 = 0xe279_2aca;
    pub(super) const FEATURE_NAMES: u32 = 0x6803_f857;
    pub(super) const BITMAPS: u32 = 0x2385_2875;
    pub(super) const ENCRYPTION: u32 = 0x0537_be77;
    pub(super) const DATA_FILE: u32 = 0x4441_5441;
}

/// An image that is not taken, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The file does not begin as one of this format.
    #[error("it is no qcow2 image; give its format, raw or qcow2")]
    Magic,
    /// A version that is not known.
    #[error("its version is {0}; 2 and 3 are taken")]
    Version(u32),
    /// The file ends before its header does.
    #[error("it ends within its header")]
    Short,
    /// A field of the header has a value that no writer gives it.
    #[error("its header is damaged: {0}")]
    Damaged(&'static str),
    /// It says that it reads what it lacks from another file.
    #[error("it needs a backing file, so it is not whole; make it so with `qemu-img convert`")]
    Backing,
    /// It says that its content is in another file.
    #[error("its data are in another file; put them together with `qemu-img convert`")]
    DataFile,
    /// It is encrypted.
    #[error("it is encrypted; decrypt it with `qemu-img convert`")]
    Encrypted,
    /// It holds snapshots.
    #[error("it holds {0} snapshots; leave them behind with `qemu-img convert`")]
    Snapshots(u32),
    /// It holds dirty bitmaps.
    #[error("it holds bitmaps; leave them behind with `qemu-img convert`")]
    Bitmaps,
    /// It was not closed in order, or damage was found in it.
    #[error("it was not closed in order; mend it with `qemu-img check -r all`")]
    Unclean,
    /// It has a feature that is not known.
    #[error("it has features that are not known here (bits {0:#x})")]
    Feature(u64),
    /// The disk is larger than any machine may have.
    #[error("the disk in it has {0} bytes; {VIRTUAL_BYTES_MAX} is the most")]
    Virtual(u64),
    /// Tables that the size of the disk does not explain.
    #[error("its {0} is larger than its disk explains")]
    Table(&'static str),
}

/// What the header of an image that stands alone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qcow2Header {
    /// Bytes of the disk that a guest sees.
    pub virtual_bytes: u64,
    /// Bytes of a cluster: a power of two.
    pub cluster_bytes: u64,
    /// 2 or 3.
    pub version: u32,
}

impl Qcow2Header {
    /// Reads the header from the first 64 KiB of a file of `file_bytes` bytes, or from all of it if it is shorter.
    pub fn parse(first: &[u8], file_bytes: u64) -> Result<Self, ImageError> {
        let fields = Fields(first);
        if first.get(..4) != Some(&MAGIC) {
            return Err(ImageError::Magic);
        }
        let version = fields.u32(4)?;
        if !matches!(version, 2 | 3) {
            return Err(ImageError::Version(version));
        }
        let layout = Layout::read(fields, version, file_bytes)?;
        layout.check_alone(fields)?;
        layout.check_tables(fields)?;
        layout.check_extensions(fields)?;
        Ok(Self { virtual_bytes: layout.virtual_bytes, cluster_bytes: layout.cluster_bytes, version })
    }
}

/// The sizes that everything else is held against.
struct Layout {
    version: u32,
    file_bytes: u64,
    virtual_bytes: u64,
    cluster_bytes: u64,
    header_bytes: u64,
    features: u64,
}

impl Layout {
    fn read(fields: Fields<'_>, version: u32, file_bytes: u64) -> Result<Self, ImageError> {
        let cluster_bits = fields.u32(20)?;
        if !CLUSTER_BITS.contains(&cluster_bits) {
            return Err(ImageError::Damaged("the size of its clusters"));
        }
        let cluster_bytes = 1 << cluster_bits;
        let virtual_bytes = fields.u64(24)?;
        if virtual_bytes > VIRTUAL_BYTES_MAX {
            return Err(ImageError::Virtual(virtual_bytes));
        }
        if virtual_bytes == 0 {
            return Err(ImageError::Damaged("its disk has no bytes"));
        }
        let (header_bytes, features) = match version {
            2 => (V2_BYTES, 0),
            _ => (u64::from(fields.u32(100)?), fields.u64(72)?),
        };
        let shortest = if version == 2 { V2_BYTES } else { V3_BYTES_MIN };
        if header_bytes < shortest || header_bytes > cluster_bytes || !header_bytes.is_multiple_of(8) {
            return Err(ImageError::Damaged("the length of its header"));
        }
        Ok(Self { version, file_bytes, virtual_bytes, cluster_bytes, header_bytes, features })
    }

    /// Refuses what leads out of the file, and what nobody can read without a key or a repair.
    fn check_alone(&self, fields: Fields<'_>) -> Result<(), ImageError> {
        let known = incompatible::COMPRESSION | incompatible::EXTENDED_L2;
        if self.features & incompatible::DATA_FILE != 0 {
            return Err(ImageError::DataFile);
        }
        if self.features & (incompatible::DIRTY | incompatible::CORRUPT) != 0 {
            return Err(ImageError::Unclean);
        }
        if self.features & !known != 0 {
            return Err(ImageError::Feature(self.features & !known));
        }
        if fields.u64(8)? != 0 || fields.u32(16)? != 0 {
            return Err(ImageError::Backing);
        }
        if fields.u32(32)? != 0 {
            return Err(ImageError::Encrypted);
        }
        match fields.u32(60)? {
            0 => Ok(()),
            count => Err(ImageError::Snapshots(count)),
        }
    }

    /// Refuses tables beyond what the disk needs, and tables that are not where they can be.
    fn check_tables(&self, fields: Fields<'_>) -> Result<(), ImageError> {
        let l2_entry_bytes =
            if self.features & incompatible::EXTENDED_L2 == 0 { ENTRY_BYTES } else { 2 * ENTRY_BYTES };
        // What one entry of level 1 stands for: a cluster of entries of level 2, each for a cluster.
        let covered = self.cluster_bytes / l2_entry_bytes * self.cluster_bytes;
        let needed = self.virtual_bytes.div_ceil(covered);
        let l1_entries = u64::from(fields.u32(36)?);
        if l1_entries < needed {
            return Err(ImageError::Damaged("its table of level 1 is too short"));
        }
        // Images that were made smaller keep the table, which QEMU rounds up to a cluster.
        if l1_entries > needed.max(self.cluster_bytes / ENTRY_BYTES) {
            return Err(ImageError::Table("table of level 1"));
        }
        self.check_place(fields.u64(40)?, l1_entries * ENTRY_BYTES, "where its table of level 1 is")?;

        let refcount_order = if self.version == 2 { 4 } else { fields.u32(96)? };
        if refcount_order > REFCOUNT_ORDER_MAX {
            return Err(ImageError::Damaged("the width of its reference counts"));
        }
        let refcount_clusters = u64::from(fields.u32(56)?);
        if refcount_clusters == 0 {
            return Err(ImageError::Damaged("it has no reference counts"));
        }
        let counts_in_cluster = (self.cluster_bytes * 8) >> refcount_order;
        let clusters = self.file_bytes.div_ceil(self.cluster_bytes);
        let blocks = clusters.div_ceil(counts_in_cluster);
        // QEMU lets the table grow ahead by half.
        let most = (2 * blocks * ENTRY_BYTES).div_ceil(self.cluster_bytes).max(1) + 1;
        if refcount_clusters > most {
            return Err(ImageError::Table("table of reference counts"));
        }
        let refcount_bytes = refcount_clusters * self.cluster_bytes;
        self.check_place(fields.u64(48)?, refcount_bytes, "where its reference counts are")
    }

    fn check_place(&self, offset: u64, len: u64, what: &'static str) -> Result<(), ImageError> {
        let end = offset.checked_add(len);
        let inside = end.is_some_and(|end| end <= self.file_bytes);
        if offset < self.cluster_bytes || !offset.is_multiple_of(self.cluster_bytes) || !inside {
            return Err(ImageError::Damaged(what));
        }
        Ok(())
    }

    fn check_extensions(&self, fields: Fields<'_>) -> Result<(), ImageError> {
        let mut at = self.header_bytes;
        // The extensions end where the first cluster does.
        while at + 8 <= self.cluster_bytes.min(HEADER_BYTES_MAX as u64) {
            let kind = fields.u32(at)?;
            let len = u64::from(fields.u32(at + 4)?);
            match kind {
                extension::END => return Ok(()),
                extension::BACKING_FORMAT => return Err(ImageError::Backing),
                extension::DATA_FILE => return Err(ImageError::DataFile),
                extension::ENCRYPTION => return Err(ImageError::Encrypted),
                extension::BITMAPS => return Err(ImageError::Bitmaps),
                extension::FEATURE_NAMES => {}
                _ => return Err(ImageError::Damaged("an extension that is not known")),
            }
            at += 8 + len.next_multiple_of(8);
        }
        Err(ImageError::Damaged("its extensions do not end"))
    }
}

/// The numbers of a header, which are big-endian.
#[derive(Clone, Copy)]
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn u32(self, at: u64) -> Result<u32, ImageError> {
        self.take(at).map(u32::from_be_bytes)
    }

    fn u64(self, at: u64) -> Result<u64, ImageError> {
        self.take(at).map(u64::from_be_bytes)
    }

    fn take<const N: usize>(self, at: u64) -> Result<[u8; N], ImageError> {
        let rest = usize::try_from(at).ok().and_then(|at| self.0.get(at..));
        rest.and_then(|rest| rest.first_chunk()).copied().ok_or(ImageError::Short)
    }
}
