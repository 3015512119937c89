//! The signed record of an entry. `docs/formats/cache-entry.md` has the layout byte by byte.

use casemate_model::Timestamp;

use crate::secret::Keys;
use casemate_encryption::frames::{WRAPPED_BYTES, WrappedKey};

/// What is known about an entry. Only [`Record::open`] makes one from stored bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) method: Method,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) content_len: u64,
    /// The keyed hash of endpoint, bucket, prefix and SHA-256. That it is signed signs those.
    pub(crate) entry: [u8; 32],
    /// The name of the content's file.
    pub(crate) blob: [u8; 32],
    /// Zeros for content that is not encrypted.
    pub(crate) wrapped: WrappedKey,
}

/// How content is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Plain,
    Frames,
}

/// Why stored bytes are no record of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordFault {
    Malformed,
    /// Signed under another key, so nothing can be said about it.
    OtherKey,
    Forged,
}

impl Record {
    /// The stored form.
    pub(crate) fn seal(&self, keys: &Keys) -> [u8; RECORD_BYTES] {
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, self.method.code(), 0, 0]);
        bytes.extend_from_slice(&keys.id);
        for number in [self.created.as_millis(), self.expires.as_millis(), self.content_len] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.pid.to_be_bytes());
        bytes.extend_from_slice(&self.uid.to_be_bytes());
        bytes.extend_from_slice(&self.entry);
        bytes.extend_from_slice(&self.blob);
        bytes.extend_from_slice(&self.wrapped);
        let signature = keys.sign(&bytes);
        bytes.extend_from_slice(&signature);
        bytes.try_into().expect("the fields add up to RECORD_BYTES")
    }

    /// Takes stored bytes if they are a record that was signed under these keys.
    pub(crate) fn open(bytes: &[u8; RECORD_BYTES], keys: &Keys) -> Result<Self, RecordFault> {
        let (signed, signature) = bytes.split_at(RECORD_BYTES - 32);
        if signed[..4] != *MAGIC || signed[4] != VERSION {
            return Err(RecordFault::Malformed);
        }
        if signed[8..16] != keys.id {
            return Err(RecordFault::OtherKey);
        }
        let signature = signature.try_into().expect("split off as 32 bytes");
        if !keys.verify(signed, signature) {
            return Err(RecordFault::Forged);
        }
        Fields(&signed[16..]).record(signed[5], [signed[6], signed[7]]).ok_or(RecordFault::Malformed)
    }
}

/// The fields that have not been read yet.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn record(mut self, method: u8, reserved: [u8; 2]) -> Option<Record> {
        let record = Record {
            method: Method::of(method)?,
            created: Timestamp::from_millis(u64::from_be_bytes(self.take()?)).ok()?,
            expires: Timestamp::from_millis(u64::from_be_bytes(self.take()?)).ok()?,
            content_len: u64::from_be_bytes(self.take()?),
            pid: u32::from_be_bytes(self.take()?),
            uid: u32::from_be_bytes(self.take()?),
            entry: self.take()?,
            blob: self.take()?,
            wrapped: self.take()?,
        };
        (self.0.is_empty() && reserved == [0; 2]).then_some(record)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk()?;
        self.0 = left;
        Some(*taken)
    }
}

impl Method {
    fn code(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Frames => 1,
        }
    }

    fn of(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Plain),
            1 => Some(Self::Frames),
            _ => None,
        }
    }
}

const MAGIC: &[u8; 4] = b"CMCE";
const VERSION: u8 = 2;

/// Every record has this length.
pub(crate) const RECORD_BYTES: usize = 16 + 3 * 8 + 2 * 4 + 2 * 32 + WRAPPED_BYTES + 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheSecret;

    fn keys(byte: u8) -> Keys {
        Keys::derive(&CacheSecret::from_bytes([byte; 32]))
    }

    fn record() -> Record {
        Record {
            method: Method::Frames,
            created: Timestamp::from_millis(1_769_860_800_123).unwrap(),
            expires: Timestamp::from_millis(1_769_947_200_123).unwrap(),
            pid: 4711,
            uid: 1000,
            content_len: 65_537,
            entry: [0xe1; 32],
            blob: [0xb1; 32],
            wrapped: [0x3c; WRAPPED_BYTES],
        }
    }

    #[test]
    fn the_documented_example_is_what_is_written() {
        let document = include_str!("../../../docs/formats/cache-entry.md");
        let example = document.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
        let hex: String = example.lines().filter_map(|line| line.split(';').next()).map(str::trim).collect();
        let bytes = record().seal(&keys(1));
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), hex);
        assert_eq!(Record::open(&bytes, &keys(1)), Ok(record()));
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let bytes = record().seal(&keys(1));
        for bit in 0..RECORD_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::open(&damaged, &keys(1)).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_key_is_told_from_a_forgery() {
        let bytes = record().seal(&keys(1));
        assert_eq!(Record::open(&bytes, &keys(2)), Err(RecordFault::OtherKey));
        let mut forged = bytes;
        forged[8..16].copy_from_slice(&keys(2).id);
        assert_eq!(Record::open(&forged, &keys(2)), Err(RecordFault::Forged));
    }
}
