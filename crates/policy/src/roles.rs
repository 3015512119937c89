use casemate_model::{Role, Scope, Scopes};

use Scope::{
    AuditRead, KeysRead, MetricsRead, NamesRead, NamesWrite, NodeRead, NodeWrite, ObjectsRead, ObjectsShare,
    ObjectsWrite, TasksRead, TasksWrite, UsersRead, WebhooksRead,
};

/// What a role that is built in stands for; `None` for any other.
pub fn built_in(role: &Role) -> Option<Scopes> {
    Some(match role.as_str() {
        "viewer" => Scopes::of(&[NamesRead, NodeRead, ObjectsRead, TasksRead]),
        "developer" => Scopes::of(&[
            NamesRead,
            NamesWrite,
            NodeRead,
            ObjectsRead,
            ObjectsShare,
            ObjectsWrite,
            TasksRead,
            TasksWrite,
        ]),
        "operator" => Scopes::of(&[
            AuditRead,
            KeysRead,
            MetricsRead,
            NamesRead,
            NodeRead,
            NodeWrite,
            ObjectsRead,
            TasksRead,
            TasksWrite,
            UsersRead,
            WebhooksRead,
        ]),
        "auditor" => Scopes::of(&[
            AuditRead,
            KeysRead,
            MetricsRead,
            NamesRead,
            NodeRead,
            ObjectsRead,
            TasksRead,
            UsersRead,
            WebhooksRead,
        ]),
        "admin" => Scopes::ALL,
        "node" => Scopes::of(&[NamesRead, ObjectsRead, TasksRead]),
        "plugin" => Scopes::of(&[NamesRead, ObjectsRead]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_role_stands_for_something() {
        for role in Role::BUILT_IN {
            assert!(built_in(&role).is_some_and(|scopes| !scopes.is_empty()), "{role}");
        }
        assert_eq!(built_in(&"release-manager".parse().expect("a role")), None);
    }
}
