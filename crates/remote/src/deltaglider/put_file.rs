//! Storing files that are not to be deltas, without holding them in memory.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use casemate_model::{Digest, Hasher};
use futures_util::{StreamExt, stream};
use md5::{Digest as _, Md5};

use super::engine::compute;
use super::metadata::NewFile;
use super::put::with_users;
use super::stored::DeltaPlace;
use super::{DeltaGlider, DeltaGliderError, Form, LogicalKey, PutOptions, PutOutcome, is_eligible};
use crate::{Body, BucketError, ByteStream, Condition, Upload};

/// Content that is read twice: once for its hash, which a bucket wants first, and once on its way.
pub trait Content: Send + Sync + 'static {
    /// How many bytes there are.
    fn size_bytes(&self) -> u64;

    /// Reads exactly these bytes.
    fn read_at(&self, position: u64, bytes: &mut [u8]) -> io::Result<()>;
}

impl DeltaGlider {
    /// Whether a file of that name and size is stored as it is, whatever it contains.
    pub fn stores_whole(&self, key: &LogicalKey, size_bytes: u64, options: &PutOptions) -> bool {
        let fits = size_bytes > 0 && size_bytes <= self.settings.delta_bytes_max;
        !key.is_reserved() && (options.no_delta || !fits || !is_eligible(key.name()))
    }

    /// Stores a file as it is, for which [`DeltaGlider::stores_whole`], a piece at a time. Nothing is stored if it
    /// changes meanwhile. Of several who store under one key, the last one wins: large bodies go in parts, which
    /// buckets do not put together under a condition.
    pub async fn put_whole(
        &self,
        key: &LogicalKey,
        content: Arc<dyn Content>,
        options: &PutOptions,
    ) -> Result<PutOutcome, DeltaGliderError> {
        let (sha256, md5_hex) = hash(key, Arc::clone(&content)).await?;
        let stored = self.find(key).await?;
        let size_bytes = content.size_bytes();
        let new =
            NewFile { name: key.name(), sha256, md5_hex: &md5_hex, size_bytes, created: self.clock.now() };
        let metadata = with_users(new.direct(), key, options)?;
        let body = Body::Stream(pieces(key, content, sha256));
        let upload = Upload { body, content_type: options.content_type.clone(), metadata };
        self.bucket.put(key.as_str(), upload, Condition::Always).await?;
        if let DeltaPlace::Delta(..) = stored.delta {
            self.delete_delta(key).await?;
        }
        let (form, stored_bytes) = (Form::Direct, size_bytes);
        Ok(PutOutcome { form, sha256, size_bytes, stored_bytes, made_reference: false })
    }
}

async fn hash(key: &LogicalKey, content: Arc<dyn Content>) -> Result<(Digest, String), DeltaGliderError> {
    let key = key.to_string();
    compute(move || {
        let (mut sha256, mut md5) = (Hasher::new(), Md5::new());
        let mut position = 0;
        while position < content.size_bytes() {
            let piece = read_piece(&*content, position, &key)?;
            sha256.update(&piece);
            md5.update(&piece);
            position += piece.len() as u64;
        }
        Ok((sha256.finish(), data_encoding::HEXLOWER.encode(&md5.finalize())))
    })
    .await
}

/// The content, and an error at its end if it is not what was hashed.
fn pieces(key: &LogicalKey, content: Arc<dyn Content>, sha256: Digest) -> ByteStream {
    let key = key.to_string();
    let pieces = stream::try_unfold((0, Hasher::new()), move |(position, mut hasher)| {
        let (content, key) = (Arc::clone(&content), key.clone());
        async move {
            if position == content.size_bytes() {
                return if hasher.finish() == sha256 { Ok(None) } else { Err(BucketError::Changed { key }) };
            }
            let failed = |error: tokio::task::JoinError| unreadable(&key, error.into());
            let reading = {
                let key = key.clone();
                tokio::task::spawn_blocking(move || {
                    let piece = read_piece(&*content, position, &key)?;
                    hasher.update(&piece);
                    Ok::<_, BucketError>((piece, hasher))
                })
            };
            let (piece, hasher) = reading.await.map_err(failed)??;
            let next = position + piece.len() as u64;
            Ok(Some((piece, (next, hasher))))
        }
    });
    pieces.boxed()
}

fn read_piece(content: &dyn Content, position: u64, key: &str) -> Result<Bytes, BucketError> {
    let length = (content.size_bytes() - position).min(PIECE_BYTES);
    let mut piece = vec![0; usize::try_from(length).expect("a piece fits")];
    content.read_at(position, &mut piece).map_err(|error| unreadable(key, error.into()))?;
    Ok(piece.into())
}

fn unreadable(key: &str, source: crate::Cause) -> BucketError {
    BucketError::Source { key: key.to_owned(), source }
}

const PIECE_BYTES: u64 = 1 << 20;
