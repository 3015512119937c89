use std::fmt;
use std::str::FromStr;

use crate::{KeyId, Project, ScopeSet, SessionId};

/// Who acts, in which project, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// How the caller was recognised.
    pub kind: PrincipalKind,
    /// The project that the caller acts in.
    pub project: Project,
    /// What the caller is allowed as a person or program.
    pub role: Role,
    /// What the credential in use is allowed; never more than the role.
    pub scopes: ScopeSet,
}

/// How a caller was recognised. The text form, such as `key:key_…`, is what the audit log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Nobody: no credential was presented.
    Anonymous,
    /// An API key.
    Key(KeyId),
    /// A process of this machine, by the uid that the kernel reported for its socket.
    LocalUser(u32),
    /// The node itself: recovery, sweeps, the log's builder.
    Node,
    /// A console session.
    Session(SessionId),
}

/// Text that is no [`PrincipalKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a principal: expected anonymous, node, key:…, session:… or uid:…")]
pub struct PrincipalKindError(String);

/// What a principal may do in its project; the permission table says which operations each role reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads everything of the project.
    Viewer,
    /// Reads, and changes objects, names and tasks.
    Developer,
    /// Does all of that, and manages credentials.
    Admin,
}

/// Text that is no [`Role`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: use viewer, developer or admin")]
pub struct RoleError(String);

impl Principal {
    /// The principal of a request without a credential: it is allowed nothing but public operations.
    pub fn anonymous() -> Self {
        Self {
            kind: PrincipalKind::Anonymous,
            project: Project::default_project(),
            role: Role::Viewer,
            scopes: ScopeSet::NONE,
        }
    }

    /// The node acting by itself in `project`.
    pub fn node(project: Project) -> Self {
        Self { kind: PrincipalKind::Node, project, role: Role::Admin, scopes: ScopeSet::ALL }
    }

    /// A process of the node's own user, which the socket's permissions already let in.
    pub fn local_user(uid: u32, project: Project) -> Self {
        Self { kind: PrincipalKind::LocalUser(uid), project, role: Role::Admin, scopes: ScopeSet::ALL }
    }
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Developer, Self::Admin];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
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
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| RoleError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::LocalUser(uid) => write!(f, "uid:{uid}"),
            Self::Node => f.write_str("node"),
            Self::Session(id) => write!(f, "session:{id}"),
        }
    }
}

impl FromStr for PrincipalKind {
    type Err = PrincipalKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = match text.split_once(':') {
            None if text == "anonymous" => Some(Self::Anonymous),
            None if text == "node" => Some(Self::Node),
            Some(("key", id)) => id.parse().ok().map(Self::Key),
            Some(("session", id)) => id.parse().ok().map(Self::Session),
            Some(("uid", uid)) => uid.parse().ok().map(Self::LocalUser),
            None | Some(_) => None,
        };
        // One spelling for one principal: `uid:+1` and `uid:01` are none.
        kind.filter(|kind| kind.to_string() == text)
            .ok_or_else(|| PrincipalKindError(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_round_trip_in_one_spelling() {
        let key = "key:key_01kga0j4tv04106081040g2081";
        let session = "session:ses_01kga0j4tv04106081040g2081";
        for text in ["anonymous", "node", "uid:0", "uid:4294967295", key, session] {
            assert_eq!(text.parse::<PrincipalKind>().map(|kind| kind.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "root", "uid:", "uid:+1", "uid:01", "uid:4294967296", "key:ses_x", "node:"] {
            assert_eq!(text.parse::<PrincipalKind>(), Err(PrincipalKindError(text.to_owned())));
        }
    }
}
