//! Content on its way in, with the checks that the client asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Request, TrailingHeaders};

use super::chunks::Refused;
use crate::transfer::IDLE_MAX;

/// The headers of checksums, by the names that attributes know them by.
pub(super) const CHECKSUMS: [(&str, &str); 5] = [
    ("crc32", "x-amz-checksum-crc32"),
    ("crc32c", "x-amz-checksum-crc32c"),
    ("crc64nvme", "x-amz-checksum-crc64nvme"),
    ("sha1", "x-amz-checksum-sha1"),
    ("sha256", "x-amz-checksum-sha256"),
];

/// Why content did not come in whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// It is not what its checksum says.
    #[error("the content does not have the checksum that was announced")]
    Checksum,
    /// It is cut short, or its signature is wrong.
    #[error("the content broke off, or the signature of a part of it is wrong")]
    Broken,
    /// It is not what the signature covers.
    #[error("the content does not have the SHA-256 that was signed")]
    Signed,
    /// A checksum that was to come behind it did not.
    #[error("the trailer that was announced did not come")]
    Trailer,
    /// A signed chunk of it would have to be kept whole.
    #[error("a signed chunk has at most 16 MiB")]
    ChunkTooLarge,
    /// It was to come in chunks and is something else.
    #[error("the content is not in chunks of a length, a line break, so many bytes and a line break")]
    Chunks,
    /// Nothing came for a while.
    #[error("the content stood still for too long")]
    Idle,
}

impl BodyError {
    pub(super) fn code(self) -> S3ErrorCode {
        match self {
            Self::Signed => S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
            Self::Checksum => S3ErrorCode::BadDigest,
            Self::Broken => S3ErrorCode::IncompleteBody,
            Self::Trailer => S3ErrorCode::Custom("MalformedTrailerError".into()),
            Self::ChunkTooLarge | Self::Chunks => S3ErrorCode::InvalidRequest,
            Self::Idle => S3ErrorCode::RequestTimeout,
        }
    }
}

/// The checksums of a body: those that the client announced, before the body or behind it.
#[derive(Clone, Default)]
pub(super) struct Sums {
    announced: BTreeMap<&'static str, String>,
    /// Names that the client asks for, or that only the trailer gives a value.
    wanted: Vec<&'static str>,
    trailer: Option<TrailingHeaders>,
    /// Names that the trailer must have.
    trailing: Vec<&'static str>,
    chunks: Option<Refused>,
    /// The length that was announced for content that comes in signed pieces.
    length: Option<u64>,
    found: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Sums {
    /// Reads from the headers which checksums to take.
    pub(super) fn of<T>(request: &S3Request<T>) -> Result<Self, S3Error> {
        let trailer = request.trailing_headers.clone();
        let chunks = request.extensions.get::<Refused>().cloned();
        Self::announced(&request.headers, Self { trailer, chunks, ..Self::default() })
    }

    fn announced(headers: &HeaderMap, mut sums: Self) -> Result<Self, S3Error> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        sums.length = text("x-amz-decoded-content-length").and_then(|text| text.parse().ok());
        let trailing = text("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
        let trailing: Vec<_> = trailing.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if trailing.iter().any(|name| CHECKSUMS.iter().all(|(_, header)| header != name)) {
            // What nobody checks must not look as if it had been.
            return Err(s3s::s3_error!(InvalidRequest, "the value of x-amz-trailer is not supported"));
        }
        let asked = text("x-amz-sdk-checksum-algorithm").unwrap_or_default().to_ascii_lowercase();
        for (name, header) in CHECKSUMS {
            if let Some(value) = text(header) {
                sums.announced.insert(name, value.to_owned());
            }
            if trailing.contains(&header) {
                sums.trailing.push(name);
            }
            if trailing.contains(&header) || asked == name {
                sums.wanted.push(name);
            }
        }
        if sums.announced.len() > 1 {
            return Err(s3s::s3_error!(InvalidRequest, "expecting a single checksum header"));
        }
        Ok(sums)
    }

    /// The checksums that were verified, once the body is at its end.
    pub(super) fn found(&self) -> BTreeMap<String, String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hasher(&self) -> ChecksumHasher {
        let takes = |name: &str| self.announced.contains_key(name) || self.wanted.contains(&name);
        ChecksumHasher {
            crc32: takes("crc32").then(Default::default),
            crc32c: takes("crc32c").then(Default::default),
            crc64nvme: takes("crc64nvme").then(Default::default),
            sha1: takes("sha1").then(Default::default),
            sha256: takes("sha256").then(Default::default),
        }
    }

    /// Compares what came with what was announced.
    fn check(&self, hasher: ChecksumHasher, length: u64) -> Result<(), BodyError> {
        if self.length.is_some_and(|announced| announced != length) {
            return Err(BodyError::Broken);
        }
        let found = by_name(&hasher.finalize());
        let trailing = self.trailer.as_ref().and_then(TrailingHeaders::take).unwrap_or_default();
        for (name, header) in CHECKSUMS {
            let behind = trailing.get(header).and_then(|value| value.to_str().ok());
            if behind.is_none() && self.trailing.contains(&name) {
                return Err(BodyError::Trailer);
            }
            for announced in [self.announced.get(name).map(String::as_str), behind].into_iter().flatten() {
                if found.get(name).is_none_or(|found| found != announced) {
                    return Err(BodyError::Checksum);
                }
            }
        }
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}

/// Checksums by the names that attributes know them by.
fn by_name(sums: &Checksum) -> BTreeMap<String, String> {
    let values = [
        &sums.checksum_crc32,
        &sums.checksum_crc32c,
        &sums.checksum_crc64nvme,
        &sums.checksum_sha1,
        &sums.checksum_sha256,
    ];
    let named = CHECKSUMS.iter().zip(values);
    named.filter_map(|((name, _), value)| Some(((*name).to_owned(), value.clone()?))).collect()
}

/// What a body yields, with an error at the end if it is not what was announced.
pub(super) fn checked(
    body: Option<StreamingBlob>,
    sums: &Sums,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + use<> {
    let body = body.map(Box::pin);
    let state = Some((body, sums.hasher(), sums.clone(), 0));
    futures_util::stream::unfold(state, |state| async move {
        let (mut body, mut hasher, sums, mut length) = state?;
        let piece = match body.as_mut() {
            Some(body) => tokio::time::timeout(IDLE_MAX, body.next()).await,
            None => Ok(None),
        };
        match piece {
            Err(_) => Some((Err(BodyError::Idle), None)),
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "an upload to S3 broke off");
                // The library does not export the type of this error.
                let signed = error.to_string().contains("Sha256Mismatch");
                let why = if signed { BodyError::Signed } else { BodyError::Broken };
                Some((Err(sums.chunks.and_then(|chunks| chunks.error()).unwrap_or(why)), None))
            }
            Ok(Some(Ok(piece))) => {
                hasher.update(&piece);
                length += piece.len() as u64;
                if sums.length.is_some_and(|announced| length > announced) {
                    return Some((Err(BodyError::Broken), None));
                }
                Some((Ok(piece), Some((body, hasher, sums, length))))
            }
            Ok(None) => sums.check(hasher, length).err().map(|error| (Err(error), None)),
        }
    })
}
