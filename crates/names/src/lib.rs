//! Names: who may change one, what it means, and what it meant before.
//!
//! ```text
//!   Order --rules--> NameRecord --signatures--> NewVersion --Registry--> one conditional transaction
//! ```
//!
//! The grammar of names is [`casemate_model::Name`], the bytes of their versions [`casemate_ledger::NameRecord`]. What may be done
//! follows from the name as it stands alone; that it still stands so is the condition of the transaction, so that of any number of
//! changes at once exactly one succeeds.

mod cache;
mod commitment;
mod error;
mod hear;
mod names;
mod order;
mod policy;
mod ports;
mod read;
mod records;
mod rules;
mod tend;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;

pub use cache::{AGE_MAX, Known, NameAt};
pub use commitment::{
    COMMITMENT_AGE_MAX, COMMITMENT_AGE_MIN, COMMITMENTS_MAX, Commitments, NewCommitment, Nonce, NonceError,
    Revealed,
};
pub use error::NamesError;
pub use hear::Heard;
pub use names::{Drafted, Given, Names, SKEW_MAX, TAKE_MAX};
pub use order::{Content, Edit, Keys, Order};
pub use policy::{ClaimedBy, Class};
pub use ports::{
    Claimed, LastVersion, LoggedChange, LoggedRecord, NamePage, NewVersion, Obstacle, Registry, Replaced,
    WhichNames,
};
pub use records::{HeldName, NameVersion, Notice, Resolved, Said, Status};
pub use tend::Tended;
