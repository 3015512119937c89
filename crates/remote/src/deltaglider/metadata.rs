use casemate_model::{Digest, Timestamp};

use super::DeltaGliderError;
use super::names::{REFERENCE_NAME, header_text, reference_key, split};
use crate::{Head, Metadata};

/// The longest that a file may be said to be: what is said of many can then be added up.
const FILE_BYTES_MAX: u64 = 1 << 43;

/// What an object in the bucket is, by its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What deltas are made against.
    Reference(ReferenceRecord),
    /// A file as its difference to a reference.
    Delta(DeltaRecord),
    /// A file as it is, with its hash.
    Direct(DirectRecord),
    /// Nothing of DeltaGlider's.
    Plain,
}

/// The metadata of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRecord {
    /// The SHA-256 of its bytes.
    pub file_sha256: Digest,
    /// When it was made, if it says.
    pub created: Option<Timestamp>,
}

/// The metadata of a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaRecord {
    /// The SHA-256 of the file.
    pub file_sha256: Digest,
    /// The size of the file.
    pub file_size: u64,
    /// The SHA-256 of the reference.
    pub ref_sha256: Digest,
    /// Where the reference may be, the likeliest place first.
    pub ref_keys: Vec<String>,
    /// When it was made, if it says.
    pub created: Option<Timestamp>,
}

/// The metadata of a file that is stored as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectRecord {
    /// The SHA-256 of the file.
    pub file_sha256: Digest,
    /// When it was made, if it says.
    pub created: Option<Timestamp>,
}

impl Record {
    /// Judges the object `key`.
    pub(super) fn of(key: &str, head: &Head) -> Result<Self, DeltaGliderError> {
        let fields = Fields { key, metadata: &head.metadata };
        if fields.get("file-sha256").is_none() {
            return Ok(Self::Plain);
        }
        if head.metadata.contains_key("dg-encrypted") {
            return Err(DeltaGliderError::Encrypted { key: key.to_owned() });
        }
        let file_sha256 = fields.digest("file-sha256")?;
        let created = fields.get("created-at").and_then(parse_time);
        let note = fields.get("note");
        if note == Some("reference") {
            return Ok(Self::Reference(ReferenceRecord { file_sha256, created }));
        }
        let direct = fields.get("compression") == Some("none") || note == Some("passthrough");
        if direct || fields.get("ref-sha256").is_none() {
            return Ok(Self::Direct(DirectRecord { file_sha256, created }));
        }
        let file_size = fields.get("file-size").and_then(|text| text.parse().ok());
        let file_size = file_size.filter(|size| *size <= FILE_BYTES_MAX);
        Ok(Self::Delta(DeltaRecord {
            file_sha256,
            file_size: file_size.ok_or_else(|| fields.missing("file-size"))?,
            ref_sha256: fields.digest("ref-sha256")?,
            ref_keys: fields.ref_keys(),
            created,
        }))
    }
}

struct Fields<'a> {
    key: &'a str,
    metadata: &'a Metadata,
}

impl<'a> Fields<'a> {
    /// A field by the part of its name behind `dg-`, under any of the four names that DeltaGlider reads. The first
    /// that is not empty counts.
    fn get(&self, field: &str) -> Option<&'a str> {
        let underscored = field.replace('-', "_");
        let names = [format!("dg-{field}"), format!("dg_{underscored}"), underscored, field.to_owned()];
        names
            .iter()
            .find_map(|name| self.metadata.get(name).map(String::as_str).filter(|text| !text.is_empty()))
    }

    fn digest(&self, field: &'static str) -> Result<Digest, DeltaGliderError> {
        let text = self.get(field).map(|text| format!("sha256:{}", text.to_ascii_lowercase()));
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.missing(field))
    }

    fn missing(&self, field: &'static str) -> DeltaGliderError {
        DeltaGliderError::BadMetadata { key: self.key.to_owned(), field }
    }

    /// A place relative to the delta survives a copy of the folder, so it comes first; a place in the bucket next;
    /// and where every reference of DeltaGlider is, last.
    fn ref_keys(&self) -> Vec<String> {
        let folder = split(self.key).0;
        let relative = self.get("ref-path").map(|path| format!("{folder}{path}"));
        let absolute = self.get("ref-key").map(str::to_owned);
        let mut keys: Vec<String> = Vec::new();
        for key in [relative, absolute, Some(reference_key(folder))].into_iter().flatten() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

/// What is known of a file when its metadata is written.
pub(super) struct NewFile<'a> {
    /// Its name, without folder.
    pub(super) name: &'a str,
    pub(super) sha256: Digest,
    pub(super) md5_hex: &'a str,
    pub(super) size_bytes: u64,
    pub(super) created: Timestamp,
}

impl NewFile<'_> {
    pub(super) fn reference(&self) -> Metadata {
        let mut metadata = self.common();
        self.name_as(&mut metadata, "dg-source-name");
        metadata.insert("dg-note".to_owned(), "reference".to_owned());
        metadata
    }

    /// The metadata of a delta to the reference `reference_key` in the same folder. Without `zero` it is for the
    /// file that the reference was made of.
    pub(super) fn delta(&self, reference: &str, ref_sha256: Digest, delta_bytes: usize) -> Metadata {
        let mut metadata = self.named();
        let note = if ref_sha256 == self.sha256 { ZERO_DIFF } else { "delta" };
        let fields = [
            ("dg-ref-path", REFERENCE_NAME.to_owned()),
            ("dg-ref-sha256", ref_sha256.to_hex()),
            ("dg-delta-size", delta_bytes.to_string()),
            ("dg-note", note.to_owned()),
        ];
        metadata.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        // Python needs it exactly; one that no header can carry it could not have written either.
        if header_text(reference) == reference {
            metadata.insert("dg-ref-key".to_owned(), reference.to_owned());
        }
        metadata
    }

    pub(super) fn direct(&self) -> Metadata {
        let mut metadata = self.named();
        metadata.insert("dg-compression".to_owned(), "none".to_owned());
        metadata.insert("dg-note".to_owned(), "passthrough".to_owned());
        metadata
    }

    fn named(&self) -> Metadata {
        let mut metadata = self.common();
        self.name_as(&mut metadata, "dg-original-name");
        metadata.insert("dg-file-size".to_owned(), self.size_bytes.to_string());
        metadata
    }

    fn common(&self) -> Metadata {
        let fields = [
            ("dg-tool", TOOL.to_owned()),
            ("dg-file-sha256", self.sha256.to_hex()),
            ("dg-md5", self.md5_hex.to_owned()),
            ("dg-created-at", format_time(self.created)),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The key says the name; the field is for Python, which wants one.
    fn name_as(&self, metadata: &mut Metadata, field: &str) {
        let mut name = header_text(self.name);
        if name != self.name && name.len() <= NAME_BYTES_MAX {
            metadata.insert("dg-x-name".to_owned(), name.clone());
        }
        name.truncate(NAME_BYTES_MAX);
        metadata.insert(field.to_owned(), name.trim_end().to_owned());
    }
}

/// Drops what a reader can do without until the fields fit; the size that is left if they do not.
pub(super) fn fit(metadata: &mut Metadata) -> Result<(), usize> {
    for field in ["dg-x-name", "dg-md5", "dg-ref-key"] {
        if size_of(metadata) <= METADATA_BYTES_MAX {
            break;
        }
        metadata.remove(field);
    }
    match size_of(metadata) {
        bytes if bytes > METADATA_BYTES_MAX => Err(bytes),
        _ => Ok(()),
    }
}

fn size_of(metadata: &Metadata) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Microseconds, as Python writes them.
pub(super) fn format_time(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{}000Z", text.trim_end_matches('Z'))
}

/// A time in any of the ways that versions of DeltaGlider wrote it: with `Z`, with `+00:00Z`, or with nothing.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let bare = text.trim_end_matches('Z').trim_end_matches("+00:00");
    format!("{bare}Z").parse().ok()
}

const ZERO_DIFF: &str = "zero-diff (reference identical)";

const TOOL: &str = concat!("casemate/", env!("CARGO_PKG_VERSION"));

/// Of the 2 KB that S3 takes.
pub(super) const METADATA_BYTES_MAX: usize = 2000;

const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_version_are_read() {
        let expected = parse_time("2026-01-31T12:00:00.123Z");
        for text in
            ["2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123456", "2026-01-31T12:00:00.123+00:00Z"]
        {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        assert_eq!(format_time(expected.unwrap()), "2026-01-31T12:00:00.123000Z");
        assert_eq!(parse_time("2026-01-31T12:00:00+00:00Z"), parse_time("2026-01-31T12:00:00"));
        assert_eq!(parse_time("yesterday"), None);
    }
}
