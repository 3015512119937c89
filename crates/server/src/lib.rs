//! The face: HTTP and the console. It decodes, calls `control`, and encodes; nothing else.
//!
//! ```text
//!   socket -> connection limits -> TLS -> client address -> request id -> metrics -> caller -> rate limit -> route -> control
//! ```
//!
//! Local callers come over a private Unix socket and are known by the uid that the kernel reports; all others need
//! a credential. The console is a set of static files that use the same API.

mod app;
mod caller;
mod client_address;
mod console;
mod contract;
mod convert;
mod dns_query;
mod document;
mod extract;
mod functions;
mod idempotency;
mod json;
mod layers;
mod listen;
mod metrics_listener;
mod own_api;
mod page;
mod problem;
mod range;
mod routes;
mod s3;
mod tiers;
mod tls;
mod transfer;

pub use app::{Server, Settings, TRANSFERS_MAX};
pub use client_address::{TrustedProxies, TrustedProxiesError};
pub use layers::{Origin, OriginError};
pub use listen::{Listeners, Peer};
pub use routes::openapi_document;
pub use s3::{OPERATIONS as S3_OPERATIONS, S3Domain, S3DomainError};
pub use tls::{MutualTls, Tls, TlsError, TlsFiles};
