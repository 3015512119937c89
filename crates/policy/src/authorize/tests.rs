use std::fmt::Write;

use casemate_model::{KeyId, Scopes, Timestamp, test_support::CountingEntropy};

use super::*;
use crate::{TABLE, operation, roles};

fn key(role: Role, scopes: &Scopes, project: &Project) -> Principal {
    let id = KeyId::generate(Timestamp::EPOCH, &CountingEntropy::default());
    let scopes = roles::built_in(&role).expect("a role that is built in").intersection(scopes);
    Principal {
        kind: PrincipalKind::Key(id),
        project: project.clone(),
        role,
        session: None,
        scopes,
        limit: None,
    }
}

fn other_project() -> Project {
    "other".parse().expect("a valid project")
}

#[test]
fn the_whole_matrix_is_under_review() {
    let home = Project::default_project();
    let everything = (&home, &Pattern::all());
    let mut callers = vec![("anonymous".to_owned(), Principal::anonymous())];
    for role in Role::BUILT_IN {
        let mut add = |suffix, principal| callers.push((format!("{role}{suffix}"), principal));
        add("", key(role.clone(), &Scopes::ALL, &home));
        add(", no scope", key(role.clone(), &Scopes::NONE, &home));
        add(", other project", key(role.clone(), &Scopes::ALL, &other_project()));
    }
    let mut matrix = String::new();
    for row in TABLE {
        writeln!(matrix, "{}{}", row.action, if row.mutates { " (changes)" } else { "" }).expect("memory");
        for (name, principal) in &callers {
            let verdict = match decide(principal, everything, row) {
                Ok(()) => "allowed".to_owned(),
                Err(reason) => format!("denied: {reason}"),
            };
            writeln!(matrix, "    {name:<26} {verdict}").expect("memory");
        }
    }
    insta::assert_snapshot!(matrix);
}

#[test]
fn one_scope_opens_only_its_own_operations() {
    let home = Project::default_project();
    for scope in Scope::EVERY {
        let principal = key(Role::ADMIN, &Scopes::of(&[scope]), &home);
        for row in TABLE {
            if let Access::Granted(needed) | Access::OnNode(needed) = row.access {
                let verdict = decide(&principal, (&home, &Pattern::all()), row);
                let missing =
                    DeniedReason::ScopeMissing { scope: needed, role: Role::ADMIN, elsewhere: false };
                let expected = if needed == scope { Ok(()) } else { Err(missing) };
                assert_eq!(verdict, expected, "{} with {scope}", row.action);
            }
        }
    }
}

#[test]
fn a_pattern_opens_what_it_means_and_nothing_else() {
    let home = Project::default_project();
    let principal = key(Role::DEVELOPER, &"objects:write:releases/*".parse().expect("scopes"), &home);
    let put = |resource| authorize::<operation::PutObject>(&principal, &home, &resource);
    assert_eq!(put(Resource::one("object", "releases/a")).expect("it is meant").action(), "objects.put");
    for other in
        [Resource::one("object", "builds/a"), Resource::one("object", "releases"), Resource::all("objects")]
    {
        let denied = put(other).expect_err("it is not meant");
        assert_eq!(
            denied.to_string(),
            "objects.put is not allowed: the caller has the scope objects:write for other resources only"
        );
    }
}

#[test]
fn the_node_belongs_to_the_default_project_and_to_its_own_user() {
    let home = Project::default_project();
    let row = <operation::ListAudit as Operation>::ROW;
    let decide = |principal: &Principal| decide(principal, (&principal.project, &Pattern::all()), &row);
    assert_eq!(decide(&key(Role::AUDITOR, &Scopes::ALL, &home)), Ok(()));
    assert_eq!(decide(&key(Role::ADMIN, &Scopes::ALL, &other_project())), Err(DeniedReason::OtherProject));
    assert_eq!(decide(&Principal::local_user(1000, other_project())), Ok(()));
}

#[test]
fn actions_are_unique() {
    let mut actions: Vec<_> = TABLE.iter().map(|row| row.action).collect();
    actions.sort_unstable();
    let total = actions.len();
    actions.dedup();
    assert_eq!(actions.len(), total);
}

#[test]
fn a_permit_says_what_was_allowed() {
    let home = Project::default_project();
    let admin = Principal::local_user(1000, home.clone());
    let (object, other) = (Resource::one("object", "b/k"), other_project());
    let permit = authorize::<operation::PutObject>(&admin, &home, &object).expect("an admin may put");
    assert_eq!((permit.action(), permit.project(), permit.principal()), ("objects.put", &home, &admin));

    let denied = authorize::<operation::PutObject>(&admin, &other, &object).expect_err("not its project");
    assert_eq!(denied.to_string(), "objects.put is not allowed: the resource belongs to another project");
}
