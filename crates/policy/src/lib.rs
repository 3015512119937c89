//! Who may do what: roles, scopes and the permission table, and the only maker of [`Permit`].
//!
//! Every operation of every face is a row of [`TABLE`] and a marker type in [`operation`]. A guarded function of an
//! engine takes `&Permit<operation::X>`; as only [`authorize`] makes one, forgetting the check does not compile.
//!
//! The table is data and the check is one sentence: a principal may do an operation in its own project if its role
//! reaches the operation's role and its credential carries the operation's scope.

mod authorize;
pub mod operation;

pub use authorize::{Denied, DeniedReason, Permit, authorize};
pub use operation::{Operation, Row, TABLE};
