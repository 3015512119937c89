//! Relay sessions: connections that somebody makes through a node that has joined.
//!
//! A session leads from its requester over TLS to one node, and from there to the destinations that it names. It ends by itself:
//! at its time, when its bytes are used up, or when its requester was not heard of for a minute.

mod destinations;
mod records;
mod token;

pub use destinations::{DESTINATIONS_MAX, Destination, DestinationError, Destinations};
pub use records::{
    DURATION_MAX, EndedBy, HEARD_WITHIN, RelayOffer, RelaySession, RelayState, RelayStateError, Relays,
    SESSIONS_MAX, Started,
};
pub use token::{TokenDigest, relay_token};
