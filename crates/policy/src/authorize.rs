use std::fmt;
use std::marker::PhantomData;

use casemate_model::{Pattern, Principal, PrincipalKind, Project, Role, Scope};

use crate::Resource;
use crate::operation::{Access, Operation, Row};

/// Evidence that `principal` may do operation `O` in `project`. Only [`authorize`] makes one.
///
/// It is not `Clone` and holds no reference to the rules: it says what was true when it was made, and lives as
/// long as the request it was made for.
#[derive(Debug)]
pub struct Permit<O: Operation> {
    principal: Principal,
    project: Project,
    operation: PhantomData<O>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action} is not allowed: {reason}")]
pub struct Denied {
    /// The operation that was refused.
    pub action: &'static str,
    /// Why.
    pub reason: DeniedReason,
}

/// Why an operation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedReason {
    /// No credential was presented.
    Unauthenticated,
    /// The caller's role or its credential does not carry the scope for the resource.
    ScopeMissing {
        /// What it takes.
        scope: Scope,
        /// The caller's role.
        role: Role,
        /// Whether it carries the scope, but not for this resource.
        elsewhere: bool,
    },
    /// The resource belongs to another project.
    OtherProject,
}

/// Decides whether `principal` may do operation `O` on a `resource` of `project`.
pub fn authorize<O: Operation>(
    principal: &Principal,
    project: &Project,
    resource: &Resource,
) -> Result<Permit<O>, Denied> {
    decide(principal, (project, resource.pattern()), &O::ROW)
        .map_err(|reason| Denied { action: O::ROW.action, reason })?;
    Ok(Permit { principal: principal.clone(), project: project.clone(), operation: PhantomData })
}

/// The rule itself, apart from the types, so that the whole matrix can be tested.
pub(crate) fn decide(
    principal: &Principal,
    (project, pattern): (&Project, &Pattern),
    row: &Row,
) -> Result<(), DeniedReason> {
    let anonymous = principal.kind == PrincipalKind::Anonymous;
    let (scope, home) = match row.access {
        Access::Public => return Ok(()),
        _ if anonymous => return Err(DeniedReason::Unauthenticated),
        Access::Own => return Ok(()),
        Access::Granted(scope) => (scope, principal.project == *project),
        Access::OnNode(scope) => (scope, is_at_home_on_node(principal)),
    };
    if !home {
        return Err(DeniedReason::OtherProject);
    }
    if !principal.scopes.cover(scope, pattern) {
        let elsewhere = principal.scopes.iter().any(|grant| grant.scope == scope);
        return Err(DeniedReason::ScopeMissing { scope, role: principal.role.clone(), elsewhere });
    }
    Ok(())
}

/// Whether the node's own affairs are the caller's: those of its own project, and processes of its user in any project.
fn is_at_home_on_node(principal: &Principal) -> bool {
    matches!(principal.kind, PrincipalKind::LocalUser(_)) || principal.project == Project::default_project()
}

impl<O: Operation> Permit<O> {
    /// Who may act.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The project of the resource that may be acted on.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Whether who may act runs the node, too: some things that everybody may do in a project are theirs alone.
    pub fn may_write_node(&self) -> bool {
        is_at_home_on_node(&self.principal) && self.principal.scopes.cover(Scope::NodeWrite, &Pattern::all())
    }

    /// The operation's name, as the audit log spells it.
    pub fn action(&self) -> &'static str {
        O::ROW.action
    }
}

impl fmt::Display for DeniedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("no valid credential was presented"),
            Self::ScopeMissing { scope, role, elsewhere: false } => {
                write!(
                    f,
                    "it takes the scope {scope}, which the caller (role {role}, by the credential in use) does not have"
                )
            }
            Self::ScopeMissing { scope, elsewhere: true, .. } => {
                write!(f, "the caller has the scope {scope} for other resources only")
            }
            Self::OtherProject => f.write_str("the resource belongs to another project"),
        }
    }
}

#[cfg(test)]
mod tests;
