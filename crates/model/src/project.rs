use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The tenant that a resource belongs to: 1 to 63 characters of a-z, 0-9 and inner hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Project(Arc<str>);

/// Text that is no [`Project`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a project: use 1 to 63 characters of a-z, 0-9 and hyphens inside")]
pub struct ProjectError(String);

impl Project {
    /// The project that exists from the first start.
    pub fn default_project() -> Self {
        Self("default".into())
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Project {
    type Err = ProjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if crate::name::is_label(text) {
            return Ok(Self(text.into()));
        }
        Err(ProjectError(text.chars().take(80).collect()))
    }
}
