use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// Turns names into addresses.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// Every address of `name`; an error if it has none or cannot be asked for.
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The resolver of the system.
pub struct SystemResolver {
    places: Arc<Semaphore>,
}

/// Most names that are looked up at once: each takes a thread, which nothing but the resolver's own patience gives back.
const LOOKUPS_MAX: usize = 16;

impl SystemResolver {
    /// A resolver that nobody uses yet.
    pub fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(std::io::Error::other)?;
        let name = name.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            // Held until the thread is free again, also if nobody waits for the answer any more.
            let _place = place;
            Ok((name.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        });
        looking.await.map_err(std::io::Error::other)?
    }
}
