use std::fmt;

use casemate_model::Pattern;

/// What an operation is about: its text in messages and in the audit log, and what a scope's pattern must cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    text: String,
    pattern: Pattern,
}

impl Resource {
    /// One thing of a kind, such as `name` and its text.
    pub fn one(kind: &str, id: impl fmt::Display) -> Self {
        let id = id.to_string();
        Self { pattern: Pattern::one(&id), text: format!("{kind}:{id}") }
    }

    /// Everything of a kind, or something that no pattern can mean.
    pub fn all(text: &str) -> Self {
        Self { text: text.to_owned(), pattern: Pattern::all() }
    }

    /// What `pattern` means, called `text`.
    pub fn matching(text: String, pattern: Pattern) -> Self {
        Self { text, pattern }
    }

    /// What a scope must cover.
    pub(crate) fn pattern(&self) -> &Pattern {
        &self.pattern
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
