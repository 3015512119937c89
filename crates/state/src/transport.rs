//! How what is sent to a server of PostgreSQL or Redis is protected on its way.

use std::net::IpAddr;

/// What is between the node and a server that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Nothing that others reach: a Unix socket, or loopback.
    Local,
    /// TLS with a server that shows a certificate for its name.
    Verified,
    /// TLS with whoever answers: whoever stands between can be both ends.
    Unverified,
    /// An open wire.
    Plain,
}

/// Whether a host as it is written in a URL is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
