//! Proofs of names, spread among nodes.
//!
//! ```text
//!   a registry's node: log --Source--> publish --+--> own nodes, each asked whether it keeps it
//!                                                +--> Kademlia, to the nodes nearest to the name's place
//!   any node:          Peers::get --> Kademlia --> every copy checked, the newest taken
//!   own nodes:         follow --> what changed since the place in the log that was seen last
//! ```
//!
//! What is spread is a [`NameBundle`](casemate_ledger::NameBundle), which proves itself: nodes keep it only for registries that they
//! know, under the place that follows from its name, while it counts, and never in the place of a newer one. Nobody becomes the
//! first to have a name here, and nothing found is no word on whether a name is free.

mod address;
mod driver;
mod error;
mod follow;
mod message;
mod peers;
mod place;
mod ports;
mod publish;
mod shelf;
mod swarm;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;

pub use address::{PeerAddress, PeerAddressError};
pub use error::{PeersError, Refusal};
pub use peers::{Found, How, PeerNode, PeerShown, Peers, PeersSettings, PeersShown, PeersStart, Standing};
pub use place::{Registries, place};
pub use ports::{KeptProof, LogChanges, LogPosition, ProofStore, Source};
pub use swarm::identity;
