use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casemate_fs::SealedBytes;
use casemate_model::{Clock, Digest, Hasher};
use futures_util::StreamExt;

use super::list::Sizes;
use super::memory::Memory;
use super::references::References;
use super::{CodecError, DeltaCodec, DeltaGliderError};
use crate::{Bucket, Download};

/// A bucket in DeltaGlider's format.
///
/// Content is held in sealed memory. References that were used stay there, up to a bound, and in the cache if there is
/// one ([`DeltaGlider::with_cache`]), so that a second use costs no download.
pub struct DeltaGlider {
    pub(super) bucket: Arc<dyn Bucket>,
    pub(super) codec: Arc<dyn DeltaCodec>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    pub(super) references: References,
    pub(super) sizes: Sizes,
    /// What is being got holds its share of it.
    pub(super) memory: Memory,
    /// Whoever packs an archive anew, one at a time.
    pub(super) packing: tokio::sync::Mutex<()>,
}

/// The bounds of a bucket's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest object, which is held in memory while it is put or got.
    pub object_bytes_max: u64,
    /// The largest file that is stored as a delta, or becomes a reference.
    pub delta_bytes_max: u64,
    /// How much of references is kept for their next use.
    pub reference_bytes_max: u64,
    /// How many objects are asked for their metadata at once.
    pub heads_at_once_max: usize,
    /// The most keys that one operation lists.
    pub keys_max: usize,
    /// How much content is held at once by all that is being got. What is larger is got alone.
    pub memory_bytes_max: u64,
    /// How large an archive may become when it is unpacked to be packed anew.
    pub unpacked_bytes_max: u64,
    /// How long getting an archive may pack it, in the one way that DeltaGlider does.
    pub repack_time_max: Duration,
    /// How long a rescue may try ways of packing one archive.
    pub rescue_time_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            object_bytes_max: 2 << 30,
            delta_bytes_max: 512 << 20,
            reference_bytes_max: 1 << 30,
            heads_at_once_max: 16,
            keys_max: 1_000_000,
            memory_bytes_max: 512 << 20,
            unpacked_bytes_max: 512 << 20,
            repack_time_max: Duration::from_secs(5 * 60),
            rescue_time_max: Duration::from_secs(60 * 60),
        }
    }
}

impl DeltaGlider {
    /// Uses `bucket`, with deltas made and applied by `codec`.
    pub fn new(
        bucket: Arc<dyn Bucket>,
        codec: Arc<dyn DeltaCodec>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let references = References::new(settings.reference_bytes_max, settings.memory_bytes_max);
        let memory = Memory::new(settings.memory_bytes_max);
        let packing = tokio::sync::Mutex::default();
        Self { bucket, codec, clock, settings, references, sizes: Sizes::default(), memory, packing }
    }

    /// Takes a download into sealed memory and hashes it on the way.
    pub(super) async fn take(
        &self,
        key: &str,
        mut download: Download,
    ) -> Result<(SealedBytes, Digest), DeltaGliderError> {
        let announced = download.range.end.saturating_sub(download.range.start);
        let bytes_max = self.settings.object_bytes_max;
        if announced > bytes_max {
            return Err(DeltaGliderError::TooLarge { key: key.to_owned(), size_bytes: announced, bytes_max });
        }
        let (mut builder, mut hasher) = (SealedBytes::builder()?, Hasher::new());
        while let Some(chunk) = download.body.next().await {
            let chunk = chunk?;
            if builder.len() + chunk.len() as u64 > announced {
                break;
            }
            hasher.update(&chunk);
            builder.write_all(&chunk).map_err(unwritable)?;
        }
        if builder.len() != announced {
            let found = builder.len();
            return Err(crate::BucketError::WrongLength { key: key.to_owned(), announced, found }.into());
        }
        Ok((builder.seal()?, hasher.finish()))
    }
}

/// Runs what computes for long beside the runtime.
pub(super) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeltaGliderError> + Send + 'static,
) -> Result<T, DeltaGliderError> {
    tokio::task::spawn_blocking(work).await?
}

/// Applies a delta into sealed memory; what it makes is hashed, and may not be longer than `bytes_max`.
pub(super) fn decode(
    codec: &dyn DeltaCodec,
    key: &str,
    (delta, source): (&[u8], &[u8]),
    bytes_max: u64,
) -> Result<(SealedBytes, Digest), DeltaGliderError> {
    let mut sink = SealingSink { builder: SealedBytes::builder()?, hasher: Hasher::new(), bytes_max };
    let decoded = codec.decode(delta, source, bytes_max, &mut sink);
    decoded.map_err(|source| DeltaGliderError::Codec { key: key.to_owned(), source })?;
    Ok((sink.builder.seal()?, sink.hasher.finish()))
}

/// Makes a delta and proves that it gives `target` back.
pub(super) fn encode(
    codec: &dyn DeltaCodec,
    key: &str,
    target: &SealedBytes,
    source: &SealedBytes,
) -> Result<Bytes, DeltaGliderError> {
    let failed = |source| DeltaGliderError::Codec { key: key.to_owned(), source };
    let (target, source) = (target.as_slice()?, source.as_slice()?);
    let mut delta = Vec::new();
    codec.encode(target, source, &mut delta).map_err(failed)?;
    let mut rest = ComparingSink { expected: target };
    let decoded = codec.decode(&delta, source, target.len() as u64, &mut rest);
    match decoded {
        Ok(_) if rest.expected.is_empty() => Ok(delta.into()),
        Ok(_) | Err(CodecError::Damaged(_) | CodecError::TooLarge { .. } | CodecError::Sink(_)) => {
            Err(DeltaGliderError::Unfaithful { key: key.to_owned() })
        }
    }
}

/// Sealed memory as bytes that can be sent, without a copy.
pub(super) fn shared(bytes: &SealedBytes) -> Result<Bytes, DeltaGliderError> {
    struct Owner(SealedBytes);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_slice().expect("it was mapped before, and stays so")
        }
    }
    bytes.as_slice()?;
    Ok(Bytes::from_owner(Owner(bytes.clone())))
}

pub(super) fn unwritable(source: std::io::Error) -> DeltaGliderError {
    crate::BucketError::Files(casemate_fs::FsError::Io {
        action: "write",
        path: "sealed memory".into(),
        source,
    })
    .into()
}

struct SealingSink {
    builder: casemate_fs::SealedBuilder,
    hasher: Hasher,
    bytes_max: u64,
}

impl Write for SealingSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.builder.len() + bytes.len() as u64 > self.bytes_max {
            return Err(std::io::Error::other("the delta makes more than it should"));
        }
        self.builder.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes only what is expected.
struct ComparingSink<'a> {
    expected: &'a [u8],
}

impl Write for ComparingSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.expected.strip_prefix(bytes) {
            Some(rest) => {
                self.expected = rest;
                Ok(bytes.len())
            }
            None => Err(std::io::Error::other("the delta makes something else")),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
