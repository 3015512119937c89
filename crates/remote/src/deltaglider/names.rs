use std::fmt;

use super::DeltaGliderError;

/// The key of an object as its users know it, whatever form it is stored in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalKey(String);

impl LogicalKey {
    /// Takes a key that can be stored: it ends in a name, leads nowhere else, and is not one of the internal ones.
    pub fn parse(text: &str) -> Result<Self, DeltaGliderError> {
        match fault_of(text) {
            None => Ok(Self(text.to_owned())),
            Some(reason) => Err(DeltaGliderError::BadKey { key: text.to_owned(), reason }),
        }
    }

    /// The key for a file called `file_name` that is put at `target`: into it, if it is empty or ends in a slash.
    pub fn for_file(target: &str, file_name: &str) -> Result<Self, DeltaGliderError> {
        if target.is_empty() || target.ends_with('/') {
            return Self::parse(&format!("{target}{file_name}"));
        }
        Self::parse(target)
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last slash.
    pub fn name(&self) -> &str {
        split(&self.0).1
    }

    /// The folder with its slash, or nothing.
    pub(super) fn folder(&self) -> &str {
        split(&self.0).0
    }

    pub(super) fn delta_key(&self) -> String {
        format!("{}{DELTA_ENDING}", self.0)
    }

    pub(super) fn reference_key(&self) -> String {
        reference_key(self.folder())
    }

    /// Whether the key could be mistaken when it is stored plainly.
    pub(super) fn is_reserved(&self) -> bool {
        self.0.ends_with(DELTA_ENDING) || self.name() == REFERENCE_NAME
    }
}

impl fmt::Display for LogicalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether files of that name are worth a delta: archives and images, by the ending alone, as DeltaGlider decides it.
pub fn is_eligible(name: &str) -> bool {
    let name = name.to_lowercase();
    ELIGIBLE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The folder of a key, with its slash, and the name in it.
pub(super) fn split(key: &str) -> (&str, &str) {
    key.rfind('/').map_or(("", key), |slash| key.split_at(slash + 1))
}

pub(super) fn reference_key(folder: &str) -> String {
    format!("{folder}{REFERENCE_NAME}")
}

pub(super) fn is_internal(key: &str) -> bool {
    key.starts_with(INTERNAL_PREFIX)
}

/// `text` as it can be sent in a header: as it is if it is plain ASCII, percent-encoded otherwise.
pub(super) fn header_text(text: &str) -> String {
    if text.bytes().all(|byte| (0x21..0x7f).contains(&byte) || byte == b' ') && text.trim() == text {
        return text.to_owned();
    }
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn fault_of(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.ends_with('/') {
        Some("it has no name at its end")
    } else if text.starts_with('/') {
        Some("it begins with a slash")
    } else if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("it has a part that is empty, `.` or `..`")
    } else if text.chars().any(char::is_control) {
        Some("it has a control character")
    } else if text.len() > KEY_BYTES_MAX {
        Some("it has more than 1018 bytes")
    } else if is_internal(text) {
        Some("`.deltaglider/` is DeltaGlider's own")
    } else {
        None
    }
}

pub(super) const DELTA_ENDING: &str = ".delta";
pub(super) const REFERENCE_NAME: &str = "reference.bin";
pub(super) const INTERNAL_PREFIX: &str = ".deltaglider/";

/// What S3 allows, less the ending of a delta.
const KEY_BYTES_MAX: usize = 1024 - DELTA_ENDING.len();

const ELIGIBLE_ENDINGS: [&str; 20] = [
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".dmg", ".iso", ".pkg", ".deb", ".rpm",
    ".apk", ".jar", ".war", ".ear", ".tar.gz", ".tar.bz2", ".tar.xz",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_lead_elsewhere_are_refused() {
        for text in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\nb", ".deltaglider/tmp/x"] {
            let refused = LogicalKey::parse(text);
            assert!(matches!(refused, Err(DeltaGliderError::BadKey { .. })), "{text:?} gave {refused:?}");
        }
    }

    #[test]
    fn weakness_1_a_folder_and_a_new_name_are_kept() {
        let key = |target| LogicalKey::for_file(target, "a.zip").unwrap().to_string();
        assert_eq!(key(""), "a.zip");
        assert_eq!(key("prefix/"), "prefix/a.zip");
        assert_eq!(key("prefix/b.zip"), "prefix/b.zip");
    }

    #[test]
    fn names_become_ascii() {
        assert_eq!(header_text("a b.zip"), "a b.zip");
        assert_eq!(header_text("grün.zip"), "gr%C3%BCn.zip");
        assert_eq!(header_text(" a"), "%20a");
    }
}
