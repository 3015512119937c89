use http::Method;

use crate::client::path::Path;
use crate::client::transport::Call;
use crate::peers::{PeerName, Peers};
use crate::{Client, ClientError};

impl Client {
    /// `peers.show`: the peers of the node, and what it knows of registries.
    pub async fn peers_show(&self) -> Result<Peers, ClientError> {
        self.json(Call::new("peers.show", Method::GET, Path::new("/peers"))).await
    }

    /// `peers.resolve`: what peers know of a name of a registry, at most so many seconds old.
    pub async fn peers_resolve(
        &self,
        name: &str,
        registry: Option<&str>,
        max_age: Option<u64>,
    ) -> Result<PeerName, ClientError> {
        let age = max_age.map(|age| age.to_string());
        let path = Path::new("/peers/names").segment(name);
        let path = path.maybe("registry", registry).maybe("max_age", age.as_deref());
        self.json(Call::new("peers.resolve", Method::GET, path)).await
    }
}
