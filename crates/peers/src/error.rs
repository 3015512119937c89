use std::time::Duration;

use casemate_ledger::verify::VerifyError;
use casemate_model::{Name, RegistryId, StoreError};

/// Why a node does not keep a proof.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It has too many bytes.
    #[error("it has more than {most} bytes")]
    TooLarge {
        /// Most that are kept.
        most: usize,
    },
    /// It does not prove what it says.
    #[error("it does not hold: {0}")]
    Unproved(#[from] VerifyError),
    /// Its registry is not known here, or not by its key.
    #[error("it is of a registry, or by a key, that is not believed here")]
    Unknown,
    /// It stands where another name's would.
    #[error("it is for another place")]
    Misplaced,
    /// It counts no more.
    #[error("it has expired")]
    Expired,
    /// What is kept is newer.
    #[error("a newer one is kept")]
    Older,
    /// There is no room.
    #[error("there is no room for it")]
    Full,
    /// Whoever sent it sends too much.
    #[error("this peer sends too much")]
    TooOften,
    /// It could not be written down.
    #[error("it could not be written down")]
    NotWritten,
}

/// Why peers could not say something.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    /// This node works with no peers.
    #[error("this node works with no peers: its configuration has no `peers.listen`")]
    Off,
    /// The registry is not known, so nothing that anybody says about it counts.
    #[error("nothing is believed here about a registry {0}")]
    UnknownRegistry(RegistryId),
    /// More than one registry has the name, and none was named.
    #[error("more than one registry has the name `{name}`: {}", spelled(registries))]
    WhichRegistry {
        /// The name.
        name: Name,
        /// Those that have it.
        registries: Vec<RegistryId>,
    },
    /// Nobody who was asked has it. That is no word on whether it is free.
    #[error("no peer has a proof of `{0}`; only its registry can say whether it is free")]
    Unknown(Name),
    /// What is known is older than was wanted.
    #[error("what is known of `{name}` is {}older than was wanted", .age.map(|age| format!("{} s old, ", age.as_secs())).unwrap_or_default())]
    TooOld {
        /// The name.
        name: Name,
        /// How old it is, if that is known.
        age: Option<Duration>,
    },
    /// Nobody answered in time.
    #[error("peers took too long to answer")]
    Timeout,
    /// Too much is being asked.
    #[error("too much is asked of peers at once")]
    Busy,
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn spelled(registries: &[RegistryId]) -> String {
    let all: Vec<_> = registries.iter().map(RegistryId::to_string).collect();
    all.join(", ")
}
