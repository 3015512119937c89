//! Names: who may change one, what it means, and what it meant before.
//!
//! The grammar of names is [`casemate_model::Name`]; every change is one conditional transaction of the port
//! [`Registry`], so that of any number of claims at once exactly one succeeds.

mod error;
mod lists;
mod names;
mod ports;
mod records;

pub use error::NamesError;
pub use names::{COOL_OFF, Names};
pub use ports::{Claimed, NameChange, NamePage, Obstacle, Registry, Released, Updated};
pub use records::{NameRecord, NameVersion, NameVersionKind};
