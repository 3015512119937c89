use std::io::Write;

use casemate_fs::SealedBytes;
use casemate_model::{Digest, Hasher};
use futures_util::StreamExt;

use super::codec::Unpacked;
use super::engine::{compute, decode, unwritable};
use super::memory::Share;
use super::metadata::{DeltaRecord, DirectRecord};
use super::references::{Copies, Lent, not_found};
use super::rescue::Trying;
use super::stored::Current;
use super::{DeltaGlider, DeltaGliderError, Form, LogicalKey, Record};
use crate::Download;

/// An object as it was put.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Its bytes.
    pub bytes: SealedBytes,
    /// Their hash, which was compared with the one stored, unless the form is [`Form::Plain`].
    pub sha256: Digest,
    /// How it is stored.
    pub form: Form,
    /// Its share of the engine's memory, which others wait for.
    pub(super) _share: Share,
}

/// What checking an object found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// How it is stored.
    pub form: Form,
    /// What its hash is.
    pub sha256: Digest,
    /// Its size.
    pub size_bytes: u64,
    /// Whether something said what its hash should be.
    pub was_expected: bool,
}

impl DeltaGlider {
    /// Gets an object back, verified. Whatever is wrong on the way is an error; wrong bytes are never given.
    pub async fn get(&self, key: &LogicalKey) -> Result<Restored, DeltaGliderError> {
        self.get_by(key, Copies::All).await
    }

    /// Gets an object into `sink` without holding it, and says how it was stored and how large it is. It was verified when
    /// this returns; what reached the sink before an error is worth nothing.
    pub async fn get_into<W: Write + Send + 'static>(
        &self,
        key: &LogicalKey,
        sink: W,
    ) -> Result<(W, Verification), DeltaGliderError> {
        let stored = self.find(key).await?;
        let record = match stored.current(key)? {
            Current::Whole => return self.stream_whole(key, sink).await,
            Current::Delta(record) => record,
        };
        if record.file_sha256 != record.ref_sha256 {
            let fetched = self.fetch_delta(key, Room::Delta).await?;
            if Unpacked::of(fetched.delta.as_slice()?) == Unpacked::default() {
                return self.apply_into(key, fetched, sink).await;
            }
        }
        let Restored { bytes, sha256, form, .. } = self.get_delta(key, &record, Copies::All).await?;
        compute(move || {
            let mut sink = sink;
            sink.write_all(bytes.as_slice()?).map_err(unwritable)?;
            let size_bytes = bytes.len();
            Ok((sink, Verification { form, sha256, size_bytes, was_expected: true }))
        })
        .await
    }

    async fn stream_whole<W: Write + Send + 'static>(
        &self,
        key: &LogicalKey,
        mut sink: W,
    ) -> Result<(W, Verification), DeltaGliderError> {
        let key = key.as_str();
        let mut download = self.bucket.get(key, None).await.map_err(|error| not_found(key, error))?;
        let (form, expected) = match Record::of(key, &download.head)? {
            Record::Direct(record) => (Form::Direct, Some(record.file_sha256)),
            Record::Plain => (Form::Plain, None),
            Record::Delta(_) | Record::Reference(_) => {
                return Err(DeltaGliderError::Conflict { key: key.to_owned() });
            }
        };
        let (announced, mut found, mut hasher) = (length_of(&download), 0_u64, Hasher::new());
        while let Some(piece) = download.body.next().await {
            let piece = piece?;
            found = found.saturating_add(piece.len() as u64);
            if found > announced {
                break;
            }
            hasher.update(&piece);
            sink.write_all(&piece).map_err(unwritable)?;
        }
        if found != announced {
            return Err(crate::BucketError::WrongLength { key: key.to_owned(), announced, found }.into());
        }
        let sha256 = hasher.finish();
        match expected {
            Some(expected) if expected != sha256 => Err(damaged(key, expected, sha256)),
            Some(_) | None => {
                let was_expected = expected.is_some();
                Ok((sink, Verification { form, sha256, size_bytes: found, was_expected }))
            }
        }
    }

    async fn apply_into<W: Write + Send + 'static>(
        &self,
        key: &LogicalKey,
        Fetched { record, delta, share }: Fetched,
        sink: W,
    ) -> Result<(W, Verification), DeltaGliderError> {
        let places = &record.ref_keys;
        let reference = self.reference_of(key.as_str(), record.ref_sha256, places, Copies::All).await?;
        let (codec, key) = (self.codec.clone(), key.to_string());
        compute(move || {
            let mut sink = HashingSink { sink, hasher: Hasher::new() };
            let (delta, source) = (delta.as_slice()?, reference.bytes.as_slice()?);
            let decoded = codec.decode(delta, source, record.file_size, &mut sink);
            decoded.map_err(|source| DeltaGliderError::Codec { key: key.clone(), source })?;
            drop(share);
            let HashingSink { sink, hasher } = sink;
            let (sha256, size_bytes) = (hasher.finish(), record.file_size);
            if sha256 != record.file_sha256 {
                return Err(damaged(&key, record.file_sha256, sha256));
            }
            Ok((sink, Verification { form: Form::Delta, sha256, size_bytes, was_expected: true }))
        })
        .await
    }

    async fn get_by(&self, key: &LogicalKey, copies: Copies) -> Result<Restored, DeltaGliderError> {
        let stored = self.find(key).await?;
        match stored.current(key)? {
            Current::Delta(record) => self.get_delta(key, &record, copies).await,
            Current::Whole => self.get_whole(key).await,
        }
    }

    /// Gets an object and says what was found instead of giving it. All of it is read from the bucket, its reference
    /// too, once: that a copy is kept here says nothing of what is there.
    pub async fn verify(&self, key: &LogicalKey) -> Result<Verification, DeltaGliderError> {
        let Restored { bytes, sha256, form, .. } = self.get_by(key, Copies::Seen).await?;
        Ok(Verification { form, sha256, size_bytes: bytes.len(), was_expected: form != Form::Plain })
    }

    async fn get_whole(&self, key: &LogicalKey) -> Result<Restored, DeltaGliderError> {
        let key = key.as_str();
        let download = self.bucket.get(key, None).await.map_err(|error| not_found(key, error))?;
        // By what came with the bytes: the object may have been replaced since it was looked at.
        let record = Record::of(key, &download.head)?;
        let share = self.memory.take(length_of(&download)).await;
        let (bytes, sha256) = self.take(key, download).await?;
        match record {
            Record::Direct(DirectRecord { file_sha256, .. }) if file_sha256 != sha256 => {
                Err(damaged(key, file_sha256, sha256))
            }
            Record::Direct(_) => Ok(Restored { bytes, sha256, form: Form::Direct, _share: share }),
            Record::Plain => Ok(Restored { bytes, sha256, form: Form::Plain, _share: share }),
            Record::Delta(_) | Record::Reference(_) => {
                Err(DeltaGliderError::Conflict { key: key.to_owned() })
            }
        }
    }

    async fn get_delta(
        &self,
        key: &LogicalKey,
        found: &DeltaRecord,
        copies: Copies,
    ) -> Result<Restored, DeltaGliderError> {
        // The file is the reference: there is nothing to apply, and nothing that could have been unpacked.
        if found.file_sha256 == found.ref_sha256 {
            let (sha256, key) = (found.file_sha256, key.as_str());
            let Lent { bytes, share } = self.reference_of(key, sha256, &found.ref_keys, copies).await?;
            return Ok(Restored { bytes, sha256, form: Form::Delta, _share: share });
        }
        let fetched = self.fetch_delta(key, Room::File).await?;
        let unpacked = Unpacked::of(fetched.delta.as_slice()?);
        if unpacked != Unpacked::default() {
            // As xdelta3 itself packs, and in no other way: trying ways is for those who ask for it.
            return self.repack((key, copies), fetched, unpacked, Trying::Usual).await;
        }
        let places = &fetched.record.ref_keys;
        let reference = self.reference_of(key.as_str(), fetched.record.ref_sha256, places, copies).await?;
        self.apply(key, fetched, reference).await
    }

    /// A delta with the metadata that belongs to exactly these bytes, and room in memory.
    pub(super) async fn fetch_delta(
        &self,
        key: &LogicalKey,
        room: Room,
    ) -> Result<Fetched, DeltaGliderError> {
        let delta_key = key.delta_key();
        let download =
            self.bucket.get(&delta_key, None).await.map_err(|error| not_found(key.as_str(), error))?;
        let Record::Delta(record) = Record::of(&delta_key, &download.head)? else {
            return Err(DeltaGliderError::Conflict { key: key.to_string() });
        };
        let bytes_max = self.settings.object_bytes_max;
        if record.file_size > bytes_max {
            let (key, size_bytes) = (key.to_string(), record.file_size);
            return Err(DeltaGliderError::TooLarge { key, size_bytes, bytes_max });
        }
        let file_bytes = if room == Room::File { record.file_size } else { 0 };
        let share = self.memory.take(length_of(&download).saturating_add(file_bytes)).await;
        let (delta, _) = self.take(&delta_key, download).await?;
        Ok(Fetched { record, delta, share })
    }

    async fn apply(
        &self,
        key: &LogicalKey,
        Fetched { record, delta, share }: Fetched,
        reference: Lent,
    ) -> Result<Restored, DeltaGliderError> {
        let (codec, key) = (self.codec.clone(), key.to_string());
        compute(move || {
            let pair = (delta.as_slice()?, reference.bytes.as_slice()?);
            let (bytes, sha256) = decode(&*codec, &key, pair, record.file_size)?;
            if sha256 != record.file_sha256 {
                return Err(damaged(&key, record.file_sha256, sha256));
            }
            Ok(Restored { bytes, sha256, form: Form::Delta, _share: share })
        })
        .await
    }
}

/// For what there must be room before a delta is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The delta, because the file goes elsewhere.
    Delta,
    /// The delta and the file.
    File,
}

struct HashingSink<W> {
    sink: W,
    hasher: Hasher,
}

impl<W: Write> Write for HashingSink<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.sink.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

/// A delta that was read.
pub(super) struct Fetched {
    pub(super) record: DeltaRecord,
    pub(super) delta: SealedBytes,
    /// For it and for the file.
    pub(super) share: Share,
}

/// As many bytes as the store announces.
pub(super) fn length_of(download: &Download) -> u64 {
    download.range.end.saturating_sub(download.range.start)
}

pub(super) fn damaged(key: &str, expected: Digest, found: Digest) -> DeltaGliderError {
    DeltaGliderError::Damaged { key: key.to_owned(), expected, found }
}
