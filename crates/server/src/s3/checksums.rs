//! The checksum of an object that came in parts, from those of its parts.

use std::collections::BTreeMap;

use casemate_objects::{Attributes, ObjectsError, PartRecord};
use crc_fast::CrcAlgorithm;
use s3s::checksum::ChecksumHasher;
use s3s::dto::{Checksum, ChecksumType};

use super::body::BodyError;

/// The algorithms whose checksum of the whole follows from those of the parts.
const COMBINED: [(&str, CrcAlgorithm, usize); 3] = [
    ("crc32", CrcAlgorithm::Crc32IsoHdlc, 4),
    ("crc32c", CrcAlgorithm::Crc32Iscsi, 4),
    ("crc64nvme", CrcAlgorithm::Crc64Nvme, 8),
];

/// The checksum of the whole, if all parts came with one of the same algorithm: of the content where the client wants
/// that or the algorithm knows nothing else, otherwise of the checksums, with the number of parts. An error if the
/// client announced another.
pub(super) fn sums_of_parts(
    parts: &[PartRecord],
    wants_whole: bool,
    announced: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ObjectsError> {
    let mut found = BTreeMap::new();
    for name in ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] {
        let sums: Option<Vec<_>> = parts.iter().map(|part| decoded(part, name)).collect();
        let Some(sums) = sums else { continue };
        let sum = if wants_whole || name == "crc64nvme" {
            combined(name, parts, &sums)
        } else {
            composite(name, &sums)
        };
        found.extend(sum.map(|sum| (name.to_owned(), sum)));
    }
    for (name, sum) in announced {
        // A composite is announced with or without the number of parts.
        let same = found.get(name).is_some_and(|found| {
            found == sum || found.split_once('-').is_some_and(|(front, _)| front == sum)
        });
        if found.contains_key(name) && !same {
            return Err(ObjectsError::UploadBroken { source: Box::new(BodyError::Checksum) });
        }
    }
    Ok(found)
}

/// What a checksum of an object is of.
pub(super) fn checksum_type(attributes: &Attributes) -> ChecksumType {
    let composite = attributes.checksums.values().any(|sum| sum.contains('-'));
    ChecksumType::from_static(if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

fn decoded(part: &PartRecord, name: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(part.checksums.get(name)?.as_bytes()).ok()
}

fn combined(name: &str, parts: &[PartRecord], sums: &[Vec<u8>]) -> Option<String> {
    let (_, algorithm, width) = *COMBINED.iter().find(|(known, ..)| *known == name)?;
    let mut whole: Option<u64> = None;
    for (part, sum) in parts.iter().zip(sums) {
        let number = sum.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        whole = Some(match whole {
            None => number,
            Some(before) => crc_fast::checksum_combine(algorithm, before, number, part.size_bytes),
        });
    }
    Some(data_encoding::BASE64.encode(&whole?.to_be_bytes()[8 - width..]))
}

fn composite(name: &str, sums: &[Vec<u8>]) -> Option<String> {
    let mut hasher = ChecksumHasher {
        crc32: (name == "crc32").then(Default::default),
        crc32c: (name == "crc32c").then(Default::default),
        sha1: (name == "sha1").then(Default::default),
        sha256: (name == "sha256").then(Default::default),
        ..ChecksumHasher::default()
    };
    for sum in sums {
        hasher.update(sum);
    }
    let Checksum { checksum_crc32, checksum_crc32c, checksum_sha1, checksum_sha256, .. } = hasher.finalize();
    let sum = checksum_crc32.or(checksum_crc32c).or(checksum_sha1).or(checksum_sha256)?;
    Some(format!("{sum}-{}", sums.len()))
}

#[cfg(test)]
mod tests {
    use casemate_model::{Digest, Timestamp};
    use casemate_objects::ETag;

    use super::*;

    fn sum_of(name: &str, content: &[u8]) -> String {
        let mut hasher = ChecksumHasher {
            crc32: (name == "crc32").then(Default::default),
            crc32c: (name == "crc32c").then(Default::default),
            crc64nvme: (name == "crc64nvme").then(Default::default),
            ..ChecksumHasher::default()
        };
        hasher.update(content);
        let sum = hasher.finalize();
        sum.checksum_crc32.or(sum.checksum_crc32c).or(sum.checksum_crc64nvme).expect("one was wanted")
    }

    #[test]
    fn the_sum_of_the_whole_follows_from_those_of_the_parts() {
        let contents: [&[u8]; 3] = [&[1; 700], &[2; 5], b"the end"];
        for name in ["crc32", "crc32c", "crc64nvme"] {
            let parts: Vec<_> = contents
                .iter()
                .zip(1..)
                .map(|(content, number)| PartRecord {
                    number,
                    size_bytes: content.len() as u64,
                    etag: ETag::of_digest(&Digest::of(content)),
                    file: String::new(),
                    checksums: BTreeMap::from([(name.to_owned(), sum_of(name, content))]),
                    stored: Timestamp::EPOCH,
                })
                .collect();
            let whole = sum_of(name, &contents.concat());
            let announced = BTreeMap::from([(name.to_owned(), whole.clone())]);
            let found = sums_of_parts(&parts, true, &announced).expect("it is the same");
            assert_eq!(found, announced, "{name}");
            let other = BTreeMap::from([(name.to_owned(), "AAAAAA==".to_owned())]);
            assert!(sums_of_parts(&parts, true, &other).is_err(), "{name}");
        }
    }
}
