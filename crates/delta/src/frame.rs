//! One zstd frame of bytes that are in memory, with a prefix that is not in the frame.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound};

/// Compresses bytes, with `prefix` standing before them. `None` only if zstd has no memory.
pub(crate) fn compress(bytes: &[u8], prefix: &[u8], level: i32) -> Option<Vec<u8>> {
    let mut context = CCtx::try_create()?;
    let window_log = usize::BITS - (bytes.len() + prefix.len()).leading_zeros();
    context.set_parameter(CParameter::CompressionLevel(level)).ok()?;
    context.set_parameter(CParameter::WindowLog(window_log.clamp(10, 31))).ok()?;
    context
        .set_parameter(CParameter::EnableLongDistanceMatching(bytes.len() + prefix.len() > LONG_BYTES_MIN))
        .ok()?;
    context.set_parameter(CParameter::ContentSizeFlag(true)).ok()?;
    context.ref_prefix(prefix).ok()?;
    let mut frame = Vec::with_capacity(compress_bound(bytes.len()));
    context.compress2(&mut frame, bytes).ok()?;
    frame.shrink_to_fit();
    Some(frame)
}

/// Decompresses a frame of exactly `length` bytes; none if it is not that.
pub(crate) fn decompress(frame: &[u8], prefix: &[u8], length: usize) -> Option<Vec<u8>> {
    let said = zstd::zstd_safe::get_frame_content_size(frame).ok()??;
    // A block of 128 KiB takes four bytes at least: who says more lies, and gets no memory for it.
    let possible = frame.len().saturating_mul(RATIO_MAX);
    if said != length as u64 || length > possible {
        return None;
    }
    let mut context = DCtx::try_create()?;
    context.ref_prefix(prefix).ok()?;
    let mut bytes = Vec::with_capacity(length);
    context.decompress(&mut bytes, frame).ok()?;
    (bytes.len() == length).then_some(bytes)
}

/// From here on matches are also looked for at a distance.
const LONG_BYTES_MIN: usize = 1 << 20;

const RATIO_MAX: usize = 1 << 15;
