use crate::FsError;

/// A path that can only lead beneath the directory it is used with: one or more plain names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relative<'a>(Vec<&'a str>);

impl<'a> Relative<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, FsError> {
        let names: Vec<&str> = text.split('/').collect();
        match fault_of(text, &names) {
            Some(reason) => Err(FsError::BadRelativePath { text: text.to_owned(), reason }),
            None => Ok(Self(names)),
        }
    }

    /// A path of exactly one name.
    pub(crate) fn parse_name(text: &'a str) -> Result<Self, FsError> {
        let name = Self::parse(text)?;
        if name.0.len() > 1 {
            return Err(FsError::BadRelativePath {
                text: text.to_owned(),
                reason: "it must be a single name",
            });
        }
        Ok(name)
    }

    /// All names, outermost first; at least one.
    pub(crate) fn names(&self) -> &[&'a str] {
        &self.0
    }

    /// The names before the last, and the last.
    pub(crate) fn split(&self) -> (Option<Self>, &'a str) {
        let (last, before) = self.0.split_last().expect("parse refuses a path without names");
        let parent = (!before.is_empty()).then(|| Self(before.to_vec()));
        (parent, last)
    }

    pub(crate) fn to_text(&self) -> String {
        self.0.join("/")
    }
}

fn fault_of(text: &str, names: &[&str]) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.starts_with('/') {
        Some("it is absolute")
    } else if text.contains('\0') {
        Some("it contains a NUL byte")
    } else if names.len() > DEPTH_MAX {
        Some("it has more than 64 parts")
    } else if names.iter().any(|name| name.is_empty()) {
        Some("it has an empty part")
    } else if names.iter().any(|name| matches!(*name, "." | "..")) {
        Some("it has a part `.` or `..`")
    } else if names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
        Some("it has a part of more than 255 bytes")
    } else {
        None
    }
}

/// How many names a path may have. Together with [`NAME_BYTES_MAX`] more than the kernel takes in one call, whose
/// own refusal then says so.
const DEPTH_MAX: usize = 64;

/// What Linux file systems allow.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        let long = "x".repeat(256);
        let deep = vec!["a"; 65].join("/");
        let cases = [
            ("", "it is empty"),
            ("/etc/passwd", "it is absolute"),
            ("a\0b", "it contains a NUL byte"),
            ("..", "it has a part `.` or `..`"),
            ("a/../b", "it has a part `.` or `..`"),
            ("./a", "it has a part `.` or `..`"),
            ("a//b", "it has an empty part"),
            ("a/", "it has an empty part"),
            (&long, "it has a part of more than 255 bytes"),
            (&deep, "it has more than 64 parts"),
        ];
        for (text, expected) in cases {
            match Relative::parse(text) {
                Err(FsError::BadRelativePath { reason, .. }) => assert_eq!(reason, expected, "{text:?}"),
                other => panic!("{text:?} gave {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_passes_is_the_same_text_and_has_no_dots(text in "[a./\\x00\n]{0,12}") {
            if let Ok(path) = Relative::parse(&text) {
                prop_assert_eq!(path.to_text(), text.as_str());
                prop_assert!(path.names().iter().all(|name| !name.is_empty() && *name != "." && *name != ".."));
            }
        }
    }
}
