use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Which resources are meant: one, or all whose text begins alike. `*` stands at the end or nowhere, so that telling
/// whether one pattern covers another takes one comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// The resource of exactly this text.
    One(Arc<str>),
    /// All whose text begins so; with an empty text, all there are.
    Under(Arc<str>),
}

/// Text that is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pattern: use 1 to {max} bytes without spaces, and `*` only at the end",
    max = Pattern::BYTES_MAX
)]
pub struct PatternError(String);

impl Pattern {
    /// Most bytes of a written pattern.
    pub const BYTES_MAX: usize = 256;

    /// One resource.
    pub fn one(text: &str) -> Self {
        Self::One(text.into())
    }

    /// All resources whose text begins with `text`.
    pub fn under(text: &str) -> Self {
        Self::Under(text.into())
    }

    /// All resources.
    pub fn all() -> Self {
        Self::Under("".into())
    }

    /// Tells whether all resources are meant.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::Under(start) if start.is_empty())
    }

    /// Tells whether this pattern means all resources that `other` means.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Under(start), Self::One(text) | Self::Under(text)) => text.starts_with(&**start),
            (Self::One(text), Self::One(other)) => text == other,
            (Self::One(_), Self::Under(_)) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => f.write_str(text),
            Self::Under(text) => write!(f, "{text}*"),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start = text.strip_suffix('*');
        let body = start.unwrap_or(text);
        let bad = |character: char| character == '*' || character.is_whitespace() || character.is_control();
        if text.is_empty() || text.len() > Self::BYTES_MAX || body.chars().any(bad) {
            return Err(PatternError(text.chars().take(80).collect()));
        }
        Ok(if start.is_some() { Self::under(body) } else { Self::one(body) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for text in ["*", "releases/*", "releases/a.tar", "a", "größe/*"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        for text in ["", "**", "a*b", "*a", "a b", "a\n", "a\u{2028}*", &"a".repeat(257)] {
            assert_eq!(text.parse::<Pattern>(), Err(PatternError(text.chars().take(80).collect())));
        }
    }

    #[test]
    fn one_covers_itself_and_a_start_covers_what_begins_so() {
        assert!(pattern("*").covers(&pattern("a*")) && pattern("*").covers(&pattern("a")));
        assert!(pattern("a/*").covers(&pattern("a/b*")) && !pattern("a/b*").covers(&pattern("a/*")));
        assert!(pattern("a/*").covers(&pattern("a/")) && !pattern("a/*").covers(&pattern("a")));
        assert!(pattern("a").covers(&pattern("a")) && !pattern("a").covers(&pattern("a*")));
    }

    proptest! {
        #[test]
        fn covering_agrees_with_what_is_meant(one in "[ab]{0,3}\\*?", other in "[ab]{0,3}\\*?") {
            let means = |pattern: &str, text: &str| match pattern.strip_suffix('*') {
                Some(start) => text.starts_with(start),
                None => text == pattern,
            };
            // Longer texts than any pattern stand for all the rest.
            let texts = (0..=4).flat_map(|length| (0..1_u32 << length).map(move |bits| {
                (0..length).map(|place| if bits >> place & 1 == 0 { 'a' } else { 'b' }).collect::<String>()
            }));
            let (Ok(first), Ok(second)) = (one.parse::<Pattern>(), other.parse::<Pattern>()) else {
                return Ok(());
            };
            let covered = texts.into_iter().all(|text| !means(&other, &text) || means(&one, &text));
            prop_assert_eq!(first.covers(&second), covered);
        }
    }
}
