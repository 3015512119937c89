//! Keys as people paste them.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use zeroize::Zeroizing;

use crate::CacheSecret;

/// Reads 32 bytes in base64 of either alphabet, with or without padding. DeltaGlider's documents say to encode a
/// Fernet key once more, which is base64 itself already, so base64 of such text is taken too.
pub(super) fn decode(text: &str) -> Result<CacheSecret, &'static str> {
    let once = base64(text.as_bytes()).ok_or("it is not base64")?;
    if let Some(secret) = thirty_two(&once) {
        return Ok(secret);
    }
    let twice = base64(&once).and_then(|twice| thirty_two(&twice));
    twice.ok_or("it does not decode to 32 bytes; make one with `openssl rand -base64 32`")
}

fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    let unpadded = text.iter().rposition(|byte| *byte != b'=').map_or(&[][..], |last| &text[..=last]);
    let decoded = BASE64_NOPAD.decode(unpadded).or_else(|_| BASE64URL_NOPAD.decode(unpadded)).ok()?;
    Some(Zeroizing::new(decoded))
}

fn thirty_two(bytes: &[u8]) -> Option<CacheSecret> {
    bytes.try_into().ok().map(CacheSecret::from_bytes)
}
