//! What a codec may spend, and what it shall save.

/// Bounds of one act of packing or unpacking. All are checked before memory is taken.
///
/// Not limited: time other than by these sizes. Inflating and packing are linear in them, re-making a stream at zlib's
/// level 9 runs at some MB/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one content, also of a base.
    pub content_bytes_max: usize,
    /// Most bytes that the compressed streams of one content inflate to, together.
    pub plain_bytes_max: usize,
    /// Most compressed streams of one content that are seen through; content with more stays whole.
    pub streams_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { content_bytes_max: 256 << 20, plain_bytes_max: 512 << 20, streams_max: 1 << 16 }
    }
}

/// What counts more: bytes at rest, or the time of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The smallest form, whatever a read costs.
    Size,
    /// The smallest form, but a long stream that is much like the base's is kept as tokens: a little more of them, and
    /// quickly read.
    #[default]
    Balanced,
    /// Reads without a search by zlib: streams are kept as tokens or stay as they are.
    Speed,
}
