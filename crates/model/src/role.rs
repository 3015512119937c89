use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The name of a role: what a user or a credential may do in a project. Some are built in, a project may make others; the
/// scopes that a role stands for are looked up where it is used. 1 to 63 characters of a-z, 0-9 and inner hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(Cow<'static, str>);

/// Text that is no [`Role`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: use 1 to 63 characters of a-z, 0-9 and hyphens inside, such as developer")]
pub struct RoleError(String);

impl Role {
    /// Reads everything of the project but its credentials and its log.
    pub const VIEWER: Self = Self::built_in("viewer");
    /// Reads, and changes objects, names and tasks.
    pub const DEVELOPER: Self = Self::built_in("developer");
    /// Reads, and keeps the node running.
    pub const OPERATOR: Self = Self::built_in("operator");
    /// Reads everything, the log and who may do what included.
    pub const AUDITOR: Self = Self::built_in("auditor");
    /// Does everything.
    pub const ADMIN: Self = Self::built_in("admin");
    /// A machine that runs tasks for the node.
    pub const NODE: Self = Self::built_in("node");
    /// A plugin, for what it does by itself.
    pub const PLUGIN: Self = Self::built_in("plugin");

    /// Every role that is built in.
    pub const BUILT_IN: [Self; 7] =
        [Self::VIEWER, Self::DEVELOPER, Self::OPERATOR, Self::AUDITOR, Self::ADMIN, Self::NODE, Self::PLUGIN];

    const fn built_in(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(role) = Self::BUILT_IN.into_iter().find(|role| role.as_str() == text) {
            return Ok(role);
        }
        if crate::name::is_label(text) {
            return Ok(Self(Cow::Owned(text.to_owned())));
        }
        Err(RoleError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_labels() {
        for text in ["admin", "release-manager", "x"] {
            assert_eq!(text.parse::<Role>().map(|role| role.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "Admin", "a b", "-a", "a_b"] {
            assert_eq!(text.parse::<Role>(), Err(RoleError(text.to_owned())));
        }
    }
}
