//! The typed client: one method per operation, named after it (`objects.put` is `objects_put`).
//!
//! Each call opens a connection of its own, so that a client holds nothing open between calls and a node that was
//! restarted is simply there again. Every wait has an end: see [`transport`].

mod activity;
mod body;
mod error;
mod events;
mod once;
mod operations;
mod path;
mod transport;
mod trust;
mod url;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

pub use body::{Download, Upload};
pub use error::ClientError;
pub use events::{Event, Events, TaskEvent, TaskEvents};
pub use operations::{NamesWanted, PageRequest, TaskStream, ValueBefore};
pub use trust::{Trust, TrustError};
pub use url::{BaseUrl, BaseUrlError};

/// Opens a connection to a node's private socket. It may block, and checks whatever its owner wants checked.
pub type Connect = Arc<dyn Fn() -> io::Result<UnixStream> + Send + Sync>;

/// A client of one node.
#[derive(Clone)]
pub struct Client {
    target: Target,
    api_key: Option<SecretString>,
    tokens: Option<Arc<dyn AccessTokens>>,
    project: Option<String>,
}

/// Where a client that acts as a user gets the access token of each call.
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// A token that is good for a while; asked for before each call.
    async fn access_token(&self) -> Result<SecretString, ClientError>;
}

#[derive(Clone)]
enum Target {
    Unix { address: String, connect: Connect },
    Http(BaseUrl),
    Https(BaseUrl, Trust),
}

impl Client {
    /// A client of the node whose private socket `connect` opens; `address` names it in errors.
    pub fn unix(address: impl Into<String>, connect: Connect) -> Self {
        let target = Target::Unix { address: address.into(), connect };
        Self { target, api_key: None, tokens: None, project: None }
    }

    /// A client of the node at `url`, which is believed if `trust` says so. With `http://` everything travels
    /// unencrypted, the key too, and nobody is asked who the node is.
    pub fn remote(url: BaseUrl, trust: Trust, api_key: Option<SecretString>) -> Self {
        let target = if url.is_encrypted() { Target::Https(url, trust) } else { Target::Http(url) };
        Self { target, api_key, tokens: None, project: None }
    }

    /// Acts with an API key rather than as the local user.
    #[must_use]
    pub fn with_api_key(self, api_key: SecretString) -> Self {
        Self { api_key: Some(api_key), ..self }
    }

    /// Acts as a user who has signed in.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn AccessTokens>) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// Acts in `project`. Only a local user may choose; a key belongs to one project.
    #[must_use]
    pub fn with_project(self, project: impl Into<String>) -> Self {
        Self { project: Some(project.into()), ..self }
    }

    /// Where the node is, for people.
    pub fn address(&self) -> &str {
        match &self.target {
            Target::Unix { address, .. } => address,
            Target::Http(url) | Target::Https(url, _) => url.as_str(),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address()).finish_non_exhaustive()
    }
}
