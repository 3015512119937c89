use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A word that things are sorted by: 1 to 63 characters of a-z, 0-9 and inner hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// A few [`Tag`]s, each once. Text form: the words in byte order, joined by spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeSet<Tag>);

/// Text that is no tag, or too many of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// Not a word.
    #[error("`{text}` is no tag: use 1 to 63 characters of a-z, 0-9 and hyphens inside")]
    Word {
        /// What was given, cut to 80 characters.
        text: String,
    },
    /// More than there can be.
    #[error("at most {} tags are possible", Tags::COUNT_MAX)]
    TooMany,
}

impl Tag {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = TagsError;

    fn from_str(text: &str) -> Result<Self, TagsError> {
        if crate::name::is_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(TagsError::Word { text: text.chars().take(80).collect() })
    }
}

impl Tags {
    /// Most tags of one thing.
    pub const COUNT_MAX: usize = 16;

    /// Collects tags; what is there twice counts once.
    pub fn new(tags: impl IntoIterator<Item = Tag>) -> Result<Self, TagsError> {
        let tags: BTreeSet<_> = tags.into_iter().collect();
        if tags.len() > Self::COUNT_MAX { Err(TagsError::TooMany) } else { Ok(Self(tags)) }
    }

    /// The tags, in byte order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Tag> {
        self.0.iter()
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tag) in self.0.iter().enumerate() {
            write!(f, "{}{tag}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for Tags {
    type Err = TagsError;

    fn from_str(text: &str) -> Result<Self, TagsError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let words = text.split(' ').take(Self::COUNT_MAX + 1).map(str::parse);
        Self::new(words.collect::<Result<Vec<Tag>, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words_in_order() {
        let tags: Tags = "tools prod tools".parse().unwrap();
        assert_eq!(tags.to_string(), "prod tools");
        assert_eq!("".parse::<Tags>().unwrap(), Tags::default());
        for bad in ["a  b", "A", "-a", " ", "a ", "\u{e9}"] {
            assert!(matches!(bad.parse::<Tags>(), Err(TagsError::Word { .. })), "{bad}");
        }
        let many: Vec<_> = (0..=Tags::COUNT_MAX).map(|number| format!("t{number}")).collect();
        assert_eq!(many.join(" ").parse::<Tags>(), Err(TagsError::TooMany));
    }
}
