use std::fmt;
use std::str::FromStr;

use crate::{KeyId, KeyLimit, Project, Role, Scopes, SessionId, UserId};

/// Who acts, in which project, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// How the caller was recognised.
    pub kind: PrincipalKind,
    /// The project that the caller acts in.
    pub project: Project,
    /// The caller's role, for messages: what it stands for is part of `scopes` already.
    pub role: Role,
    /// The session in use, if it is one.
    pub session: Option<SessionId>,
    /// What the caller may do: what both its role and the credential in use allow.
    pub scopes: Scopes,
    /// What the key in use, or behind the session in use, may send; unlimited besides what holds for everybody if absent.
    pub limit: Option<KeyLimit>,
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
    /// A session that a link or a key opened.
    Session(SessionId),
    /// A person, or a service account, who has signed in.
    User(UserId),
}

/// Text that is no [`PrincipalKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a principal: expected anonymous, node, key:…, session:…, user:… or uid:…")]
pub struct PrincipalKindError(String);

impl Principal {
    /// The principal of a request without a credential: it is allowed nothing but public operations.
    pub fn anonymous() -> Self {
        Self {
            kind: PrincipalKind::Anonymous,
            project: Project::default_project(),
            role: Role::VIEWER,
            session: None,
            scopes: Scopes::NONE,
            limit: None,
        }
    }

    /// The node acting by itself in `project`.
    pub fn node(project: Project) -> Self {
        Self::of_this_machine(PrincipalKind::Node, project)
    }

    /// A process of the node's own user, which the socket's permissions already let in.
    pub fn local_user(uid: u32, project: Project) -> Self {
        Self::of_this_machine(PrincipalKind::LocalUser(uid), project)
    }

    /// The user, if the principal is one.
    pub fn user(&self) -> Option<UserId> {
        match self.kind {
            PrincipalKind::User(id) => Some(id),
            PrincipalKind::Anonymous
            | PrincipalKind::Key(_)
            | PrincipalKind::LocalUser(_)
            | PrincipalKind::Node
            | PrincipalKind::Session(_) => None,
        }
    }

    fn of_this_machine(kind: PrincipalKind, project: Project) -> Self {
        Self { kind, project, role: Role::ADMIN, session: None, scopes: Scopes::ALL, limit: None }
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
            Self::User(id) => write!(f, "user:{id}"),
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
            Some(("user", id)) => id.parse().ok().map(Self::User),
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
        let user = "user:usr_01kga0j4tv04106081040g2081";
        for text in ["anonymous", "node", "uid:0", "uid:4294967295", key, session, user] {
            assert_eq!(text.parse::<PrincipalKind>().map(|kind| kind.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "root", "uid:", "uid:+1", "uid:01", "uid:4294967296", "key:ses_x", "node:"] {
            assert_eq!(text.parse::<PrincipalKind>(), Err(PrincipalKindError(text.to_owned())));
        }
    }
}
