use casemate_model::{Role, Scope, Scopes};

use Scope::{
    AuditRead, FunctionsCall, FunctionsRead, FunctionsValues, FunctionsWrite, KeysRead, MetricsRead,
    NamesRead, NamesWrite, NodeRead, NodeWrite, NodesRead, NodesWrite, ObjectsRead, ObjectsShare,
    ObjectsWrite, TasksRead, TasksWork, TasksWrite, UsersRead, WebhooksRead,
};

/// What a role that is built in stands for; `None` for any other.
pub fn built_in(role: &Role) -> Option<Scopes> {
    Some(match role.as_str() {
        "viewer" => Scopes::of(&[FunctionsRead, NamesRead, NodeRead, NodesRead, ObjectsRead, TasksRead]),
        "developer" => Scopes::of(&[
            FunctionsCall,
            FunctionsRead,
            FunctionsValues,
            FunctionsWrite,
            NamesRead,
            NamesWrite,
            NodeRead,
            NodesRead,
            ObjectsRead,
            ObjectsShare,
            ObjectsWrite,
            TasksRead,
            TasksWrite,
        ]),
        "operator" => Scopes::of(&[
            AuditRead,
            FunctionsRead,
            FunctionsWrite,
            KeysRead,
            MetricsRead,
            NamesRead,
            NodeRead,
            NodeWrite,
            NodesRead,
            NodesWrite,
            ObjectsRead,
            TasksRead,
            TasksWrite,
            UsersRead,
            WebhooksRead,
        ]),
        "auditor" => Scopes::of(&[
            AuditRead,
            FunctionsRead,
            KeysRead,
            MetricsRead,
            NamesRead,
            NodeRead,
            NodesRead,
            ObjectsRead,
            TasksRead,
            UsersRead,
            WebhooksRead,
        ]),
        "admin" => Scopes::ALL,
        // What its tasks read it gets task by task, and nothing else.
        "node" => Scopes::of(&[TasksWork]),
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
