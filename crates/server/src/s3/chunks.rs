//! The chunks of `aws-chunked` content, made small before the library sees them: it keeps a whole one in memory.
//!
//! ```text
//!   signed     size;chunk-signature=…  content   as it came, as the signature is of the whole chunk; refused if it is large
//!   unsigned   size                    content   in as many chunks as pieces came over the network
//!   0 …                                trailer   as it came
//! ```

use std::sync::{Arc, OnceLock};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderMap;

use super::body::BodyError;

/// Most bytes of a signed chunk. Clients send 64 KiB to 1 MiB.
const SIGNED_CHUNK_BYTES_MAX: u64 = 16 << 20;

/// Most bytes of the line before a chunk.
const HEAD_BYTES_MAX: usize = 1024;

/// What is handed on has at least this many bytes, unless it is the last: the library keeps the pieces of a signed chunk,
/// and small ones would take many times their length.
const PIECE_BYTES_MIN: usize = 64 << 10;

const UNSIGNED: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// Why chunks were refused, if they were; the library hands on only a text.
#[derive(Clone, Default)]
pub(super) struct Refused(Arc<OnceLock<BodyError>>);

impl Refused {
    pub(super) fn error(&self) -> Option<BodyError> {
        self.0.get().copied()
    }
}

/// Puts a guard before the content of a request that comes in chunks.
pub(super) fn guard(request: Request) -> Request {
    let Some(chunks) = Chunks::announced(request.headers()) else { return request };
    let (mut parts, body) = request.into_parts();
    let refused = Refused::default();
    parts.extensions.insert(refused.clone());
    let guarded = Guarded { body: body.into_data_stream(), chunks, refused };
    let pieces = futures_util::stream::unfold(Some(guarded), |guarded| async {
        let mut guarded = guarded?;
        match guarded.next().await {
            Ok((piece, false)) => Some((Ok(piece), Some(guarded))),
            Ok((piece, true)) => Some((Ok(piece), None)),
            Err(error) => {
                guarded.refused.0.set(error).ok();
                Some((Err(error), None))
            }
        }
    });
    Request::from_parts(parts, Body::from_stream(pieces))
}

struct Guarded {
    body: BodyDataStream,
    chunks: Chunks,
    refused: Refused,
}

impl Guarded {
    /// The next piece, and whether it is the last.
    async fn next(&mut self) -> Result<(Bytes, bool), BodyError> {
        while self.chunks.ready.len() < PIECE_BYTES_MIN {
            match self.body.next().await {
                Some(Ok(piece)) => self.chunks.take(&piece)?,
                Some(Err(_)) => return Err(BodyError::Broken),
                None => {
                    self.chunks.check_end()?;
                    return Ok((self.chunks.ready(), true));
                }
            }
        }
        Ok((self.chunks.ready(), false))
    }
}

/// Reads chunks and writes them again.
struct Chunks {
    signed: bool,
    at: At,
    ready: Vec<u8>,
}

/// Where in the chunks a reader is.
enum At {
    /// In the line before a chunk, of which so much was read.
    Head(Vec<u8>),
    /// In a chunk, of which so many bytes are to come.
    Content(u64),
    /// In the line break behind a chunk, of which so much is to come.
    Break(&'static [u8]),
    /// Behind the last chunk.
    Trailer,
}

impl Chunks {
    /// What reads the content that these headers announce, if it comes in chunks.
    fn announced(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get("x-amz-content-sha256")?.to_str().ok()?;
        let signed = kind != UNSIGNED;
        kind.starts_with("STREAMING-").then(|| Self { signed, at: At::Head(Vec::new()), ready: Vec::new() })
    }

    fn ready(&mut self) -> Bytes {
        std::mem::take(&mut self.ready).into()
    }

    fn take(&mut self, mut piece: &[u8]) -> Result<(), BodyError> {
        while !piece.is_empty() {
            piece = match &mut self.at {
                At::Head(_) => self.take_head(piece)?,
                At::Content(left) => {
                    let taken = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    let ended = *left == 0;
                    let (content, rest) = piece.split_at(taken);
                    self.give(content);
                    if ended {
                        self.at = At::Break(b"\r\n");
                    }
                    rest
                }
                At::Break(left) => {
                    if piece[0] != left[0] {
                        return Err(BodyError::Chunks);
                    }
                    *left = &left[1..];
                    if left.is_empty() {
                        // Chunks that are made here have one of their own.
                        self.ready.extend_from_slice(if self.signed { b"\r\n" } else { b"" });
                        self.at = At::Head(Vec::new());
                    }
                    &piece[1..]
                }
                At::Trailer => {
                    self.ready.extend_from_slice(piece);
                    &[]
                }
            };
        }
        Ok(())
    }

    fn give(&mut self, content: &[u8]) {
        if self.signed {
            self.ready.extend_from_slice(content);
        } else {
            self.ready.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
            self.ready.extend_from_slice(content);
            self.ready.extend_from_slice(b"\r\n");
        }
    }

    fn take_head<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], BodyError> {
        let At::Head(read) = &mut self.at else { return Ok(piece) };
        let end = piece.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let (line, rest) = piece.split_at(end.unwrap_or(piece.len()));
        if read.len() + line.len() > HEAD_BYTES_MAX {
            return Err(BodyError::Chunks);
        }
        read.extend_from_slice(line);
        if end.is_none() {
            return Ok(rest);
        }
        let (size, extension) = parse_head(read).ok_or(BodyError::Chunks)?;
        if self.signed && size > SIGNED_CHUNK_BYTES_MAX {
            return Err(BodyError::ChunkTooLarge);
        }
        if self.signed || size == 0 {
            // Written anew, so that the library cannot take another length from it.
            self.ready.extend_from_slice(format!("{size:x}").as_bytes());
            self.ready.extend_from_slice(if self.signed { extension } else { b"" });
            self.ready.extend_from_slice(b"\r\n");
        }
        self.at = if size == 0 { At::Trailer } else { At::Content(size) };
        Ok(rest)
    }

    fn check_end(&self) -> Result<(), BodyError> {
        match self.at {
            At::Trailer => Ok(()),
            At::Head(_) | At::Content(_) | At::Break(_) => Err(BodyError::Broken),
        }
    }
}

/// The length of a chunk, and what stands between it and the end of its line.
fn parse_head(line: &[u8]) -> Option<(u64, &[u8])> {
    let line = line.strip_suffix(b"\r\n")?;
    let end = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let (size, extension) = line.split_at(end);
    if size.is_empty() || size.len() > 16 || !size.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
    Some((size, extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(signed: bool) -> Chunks {
        Chunks { signed, at: At::Head(Vec::new()), ready: Vec::new() }
    }

    fn all(signed: bool, sent: &[u8], step: usize) -> Result<Vec<u8>, BodyError> {
        let mut chunks = chunks(signed);
        sent.chunks(step).try_for_each(|piece| chunks.take(piece))?;
        chunks.check_end()?;
        Ok(chunks.ready)
    }

    #[test]
    fn signed_chunks_go_on_as_they_came_however_they_are_cut() {
        let sent =
            b"5;chunk-signature=aa\r\nhello\r\n0;chunk-signature=bb\r\nx-amz-checksum-crc32:AA\r\n\r\n";
        for step in [1, 2, 7, 1000] {
            assert_eq!(all(true, sent, step).unwrap(), sent, "{step}");
        }
    }

    #[test]
    fn a_chunk_of_the_whole_content_goes_on_in_small_ones() {
        let sent = b"000b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:AA\r\n\r\n";
        let whole = all(false, sent, 1000).unwrap();
        assert_eq!(whole, b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:AA\r\n\r\n");
        let cut = all(false, sent, 9).unwrap();
        assert_eq!(cut, b"3\r\nhel\r\n8\r\nlo world\r\n0\r\nx-amz-checksum-crc32:AA\r\n\r\n");
    }

    #[test]
    fn no_more_waits_than_came_whatever_length_is_declared() {
        let mut chunks = chunks(false);
        chunks.take(b"ffffffffffffffff\r\n").unwrap();
        for _ in 0..1_000 {
            chunks.take(&[7; 8192]).unwrap();
            assert_eq!(chunks.ready().len(), "2000\r\n".len() + 8192 + 2);
        }
    }

    #[test]
    fn a_large_signed_chunk_is_refused_before_any_of_it_is_taken() {
        assert_eq!(chunks(true).take(b"1000001;chunk-signature=aa\r\n"), Err(BodyError::ChunkTooLarge));
        // Eight digits of it would be a small number, which is what the library reads.
        assert_eq!(chunks(true).take(b"00000001000000000\r\n"), Err(BodyError::Chunks));
        assert_eq!(chunks(true).take(b"0000000100000000\r\n"), Err(BodyError::ChunkTooLarge));
        assert_eq!(chunks(true).take(b"1000000;chunk-signature=aa\r\n"), Ok(()));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for sent in [
            "+5\r\nhello\r\n0\r\n",
            "\r\n",
            "5\nhello",
            "g\r\n",
            "5\r\nhelloX\r\n",
            "5\r\nhello\rX",
            ";a\r\n",
        ] {
            assert_eq!(all(false, sent.as_bytes(), 1), Err(BodyError::Chunks), "{sent:?}");
        }
        assert_eq!(chunks(false).take(&[b'0'; 1025]), Err(BodyError::Chunks));
        for sent in ["", "5\r\nhell", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0"] {
            assert_eq!(all(false, sent.as_bytes(), 3), Err(BodyError::Broken), "{sent:?}");
        }
    }
}
