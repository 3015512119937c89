use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What people call a node: 1 to 63 characters of a-z, 0-9, and dots and hyphens inside, as hosts are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

/// Text that is no [`NodeName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a node: use 1 to 63 characters of a-z, 0-9, and dots and hyphens inside")]
pub struct NodeNameError(String);

/// What a node is said to be, and what a task wants of the node that runs it: `zone=a,disk=fast`, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeLabels(BTreeMap<String, String>);

/// Text that is no [`NodeLabels`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeLabelsError {
    /// It is not of the form.
    #[error(
        "`{0}` is not a label: use `key=value`, both of 1 to 63 characters of a-z, A-Z, 0-9, and dots, slashes, hyphens \
         and underscores inside"
    )]
    Malformed(String),
    /// Two labels have one key.
    #[error("the label `{0}` is given twice")]
    Twice(String),
    /// There are too many.
    #[error("at most {max} labels", max = NodeLabels::MAX)]
    TooMany,
}

impl NodeName {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if is_word(text, small, b".-") {
            Ok(Self(text.to_owned()))
        } else {
            Err(NodeNameError(text.chars().take(64).collect()))
        }
    }
}

impl NodeLabels {
    /// Most labels of a node, and most that a task wants.
    pub const MAX: usize = 16;

    /// Joins labels, each `key=value`.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, NodeLabelsError> {
        let mut labels = BTreeMap::new();
        for text in texts {
            let malformed = || NodeLabelsError::Malformed(text.chars().take(64).collect());
            let (key, value) = text.split_once('=').ok_or_else(malformed)?;
            if ![key, value].iter().all(|word| is_word(word, |byte| byte.is_ascii_alphanumeric(), b"./-_")) {
                return Err(malformed());
            }
            if labels.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(NodeLabelsError::Twice(key.to_owned()));
            }
            if labels.len() > Self::MAX {
                return Err(NodeLabelsError::TooMany);
            }
        }
        Ok(Self(labels))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a node with these labels is one that `wanted` asks for.
    pub fn satisfy(&self, wanted: &Self) -> bool {
        wanted.0.iter().all(|(key, value)| self.0.get(key) == Some(value))
    }

    /// Each label as `key=value`.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(key, value)| format!("{key}={value}"))
    }
}

impl fmt::Display for NodeLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(","))
    }
}

impl FromStr for NodeLabels {
    type Err = NodeLabelsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.split(',').filter(|_| !text.is_empty()))
    }
}

/// 1 to 63 characters that `fits` takes, and `inner` ones between them.
fn is_word(text: &str, fits: impl Fn(u8) -> bool, inner: &[u8]) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= 63
        && ends.iter().all(|end| end.is_some_and(&fits))
        && text.bytes().all(|byte| fits(byte) || inner.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_hosts() {
        for text in ["a", "box-1.lab", "7"] {
            assert_eq!(text.parse::<NodeName>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "Box", "-a", "a.", "a b", "а", &"a".repeat(64)] {
            assert_eq!(text.parse::<NodeName>(), Err(NodeNameError(text.chars().take(64).collect())));
        }
    }

    #[test]
    fn labels_have_one_spelling_and_are_all_wanted() {
        let labels: NodeLabels = "zone=a,disk=fast".parse().expect("labels");
        assert_eq!(labels.to_string(), "disk=fast,zone=a");
        let wanted = |text: &str| labels.satisfy(&text.parse().expect("labels"));
        assert!(wanted("") && wanted("zone=a") && wanted("zone=a,disk=fast"));
        assert!(!wanted("zone=b") && !wanted("zone=a,gpu=yes"));
        let refused = |text: &str| text.parse::<NodeLabels>().expect_err("no labels").to_string();
        assert!(refused("zone").starts_with("`zone` is not a label"));
        assert!(refused("a=b,").starts_with("`` is not a label"));
        assert!(refused("a=b=c").starts_with("`a=b=c` is not a label"));
        assert_eq!(refused("a=b,a=c"), "the label `a` is given twice");
        let many: Vec<_> = (0..17).map(|number| format!("k{number}=v")).collect();
        assert_eq!(refused(&many.join(",")), "at most 16 labels");
    }
}
