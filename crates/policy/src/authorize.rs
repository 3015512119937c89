use std::fmt;
use std::marker::PhantomData;

use casemate_model::{Principal, PrincipalKind, Project, Role, Scope};

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
    /// The caller's role does not reach the operation.
    RoleTooWeak {
        /// The caller's role.
        has: Role,
        /// The least role that would do.
        needs: Role,
    },
    /// The credential in use does not carry the scope.
    ScopeMissing(Scope),
    /// The resource belongs to another project.
    OtherProject,
}

/// Decides whether `principal` may do operation `O` on a resource of `project`.
pub fn authorize<O: Operation>(principal: &Principal, project: &Project) -> Result<Permit<O>, Denied> {
    decide(principal, project, &O::ROW).map_err(|reason| Denied { action: O::ROW.action, reason })?;
    Ok(Permit { principal: principal.clone(), project: project.clone(), operation: PhantomData })
}

/// The rule itself, apart from the types, so that the whole matrix can be tested.
pub(crate) fn decide(principal: &Principal, project: &Project, row: &Row) -> Result<(), DeniedReason> {
    let anonymous = principal.kind == PrincipalKind::Anonymous;
    match row.access {
        Access::Public => Ok(()),
        Access::Own | Access::Granted { .. } if anonymous => Err(DeniedReason::Unauthenticated),
        Access::Own => Ok(()),
        Access::Granted { role, scope } => {
            if principal.project != *project {
                return Err(DeniedReason::OtherProject);
            }
            if principal.role < role {
                return Err(DeniedReason::RoleTooWeak { has: principal.role, needs: role });
            }
            if !principal.scopes.contains(scope) {
                return Err(DeniedReason::ScopeMissing(scope));
            }
            Ok(())
        }
    }
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

    /// The operation's name, as the audit log spells it.
    pub fn action(&self) -> &'static str {
        O::ROW.action
    }
}

impl fmt::Display for DeniedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("no valid credential was presented"),
            Self::RoleTooWeak { has, needs } => write!(f, "it needs the role {needs}, the caller is {has}"),
            Self::ScopeMissing(scope) => write!(f, "the credential lacks the scope {scope}"),
            Self::OtherProject => f.write_str("the resource belongs to another project"),
        }
    }
}

#[cfg(test)]
mod tests;
