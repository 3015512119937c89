//! Names over DNS: what a zone answers, signed as it is answered, and the listeners that it is asked on.
//!
//! ```text
//!   socket -> bytes -> Dns::reply -> Zone (which name?) -> View (what does it say?) -> records -> Signer -> bytes
//! ```
//!
//! It is an authority for one zone and nothing else: no recursion, no other zones, no updates.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod answer;
mod dns;
mod listen;
mod notify;
mod rdata;
mod sign;
mod transfer;
mod view;
mod zone;

pub use dns::{Dns, DnsSettings, Reply, Transport};
pub use listen::{DnsListeners, serve};
pub use notify::notify;
pub use sign::{Signer, SignerError};
pub use transfer::{Transfer, TransferKey, TransferKeyError};
pub use view::{Look, View};
pub use zone::{Zone, ZoneError};
