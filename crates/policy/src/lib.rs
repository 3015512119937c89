//! Who may do what: roles, scopes and the permission table, and the only maker of [`Permit`].
//!
//! Every operation of every face is a row of [`TABLE`] and a marker type in [`operation`]. A guarded function of an
//! engine takes `&Permit<operation::X>`; as only [`authorize`] makes one, forgetting the check does not compile.
//!
//! The table is data and the check is one sentence: a principal may do an operation on a resource of its own project if
//! its role and its credential carry the operation's scope for that resource. A role is a set of scopes with a name.

mod authorize;
pub mod operation;
mod resource;
/// What roles stand for.
pub mod roles;

pub use authorize::{Denied, DeniedReason, Permit, authorize};
pub use operation::{Access, Operation, Row, TABLE};
pub use resource::Resource;
