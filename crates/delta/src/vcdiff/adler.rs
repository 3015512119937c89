/// The Adler-32 checksum of RFC 1950, as each window carries it.
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    adler2::adler32_slice(bytes)
}
