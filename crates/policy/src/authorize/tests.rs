use std::fmt::Write;

use casemate_model::{KeyId, ScopeSet, Timestamp, test_support::CountingEntropy};

use super::*;
use crate::{TABLE, operation};

fn key(role: Role, scopes: ScopeSet, project: &Project) -> Principal {
    let id = KeyId::generate(Timestamp::EPOCH, &CountingEntropy::default());
    Principal { kind: PrincipalKind::Key(id), project: project.clone(), role, scopes }
}

fn other_project() -> Project {
    "other".parse().expect("a valid project")
}

#[test]
fn the_whole_matrix_is_under_review() {
    let home = Project::default_project();
    let mut callers = vec![("anonymous".to_owned(), Principal::anonymous())];
    for role in Role::ALL {
        callers.push((role.to_string(), key(role, ScopeSet::ALL, &home)));
        callers.push((format!("{role}, no scope"), key(role, ScopeSet::NONE, &home)));
        callers.push((format!("{role}, other project"), key(role, ScopeSet::ALL, &other_project())));
    }
    let mut matrix = String::new();
    for row in TABLE {
        writeln!(matrix, "{}{}", row.action, if row.mutates { " (changes)" } else { "" }).expect("memory");
        for (name, principal) in &callers {
            let verdict = match decide(principal, &home, row) {
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
    for scope in Scope::ALL {
        let principal = key(Role::Admin, [scope].into_iter().collect(), &home);
        for row in TABLE {
            if let Access::Granted { scope: needed, .. } = row.access {
                let verdict = decide(&principal, &home, row);
                let expected = if needed == scope { Ok(()) } else { Err(DeniedReason::ScopeMissing(needed)) };
                assert_eq!(verdict, expected, "{} with {scope}", row.action);
            }
        }
    }
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
    let permit = authorize::<operation::PutObject>(&admin, &home).expect("an admin may put");
    assert_eq!((permit.action(), permit.project(), permit.principal()), ("objects.put", &home, &admin));

    let denied = authorize::<operation::PutObject>(&admin, &other_project()).expect_err("not its project");
    assert_eq!(denied.to_string(), "objects.put is not allowed: the resource belongs to another project");
}
