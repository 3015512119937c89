//! A machine that has joined: it takes tasks of a server, runs them in its own sandbox, signs what came of them, and hands
//! that in.
//!
//! ```text
//!   join: token + request for a certificate --> certificate, roots          once
//!   claims (waits) --> assignments --> content by digest --> sandbox --> receipt, signed here
//!   heartbeats: what is held --> what is lost or cancelled                  every 2.5 s
//!   certificates: another one                                               when half of its life is over
//! ```
//!
//! All of it but joining goes over mutual TLS. A node that cannot reach its server ends what it runs and hands that in when
//! the server is there again; whether it still counts is the server's to say.

mod content;
mod error;
mod log;
mod measure;
mod membership;
mod node;
mod relay;
mod run;

pub use error::NodeError;
pub use measure::measure;
pub use membership::{Membership, join};
pub use node::{Node, NodeConfig};
pub use relay::RelayConfig;
