//! The channel between the node and its worker processes: length-prefixed frames over a private socket pair.
//!
//! ```text
//! frame    length u32 LE | kind u8 | payload (length bytes)     descriptors ride on the first byte
//! node     Setup  Ready?    then per run:  Input* Run     or  Compile     or  Ping
//! worker   Ready            then per run:  (Stdout | Stderr)* (File FileData*)* Done     Code* Compiled     Pong
//!                           of a handler:  (Stderr | FetchBody* Fetch | Head Body*)* Done
//! node                      meanwhile:     Fetched, once for each Fetch
//! ```
//!
//! The two directions are not equal: a worker trusts the node, the node trusts no worker. So only the node sends
//! descriptors, and everything that comes from a worker passes `conversation`, which knows what may follow what.

pub(crate) mod exchange;
pub(crate) mod frame;
pub(crate) mod message;
