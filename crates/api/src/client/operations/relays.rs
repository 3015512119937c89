use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::relays::{RelaySession, StartRelay, StartedRelay};
use crate::{Client, ClientError, Page};

impl Client {
    /// `relays.start`: starts a relay session through a node.
    pub async fn relays_start(&self, start: &StartRelay) -> Result<StartedRelay, ClientError> {
        self.create(Call::new("relays.start", Method::POST, Path::new("/connect-sessions/start")).json(start))
            .await
    }

    /// `relays.list`: the project's relay sessions, newest first.
    pub async fn relays_list(&self, page: &PageRequest) -> Result<Page<RelaySession>, ClientError> {
        self.json(Call::new("relays.list", Method::GET, page.apply(Path::new("/connect-sessions")))).await
    }

    /// `relays.show`: a relay session.
    pub async fn relays_show(&self, id: &str) -> Result<RelaySession, ClientError> {
        self.json(Call::new("relays.show", Method::GET, session(id))).await
    }

    /// `relays.heartbeat`: keeps a relay session open.
    pub async fn relays_heartbeat(&self, id: &str) -> Result<RelaySession, ClientError> {
        self.json(Call::new("relays.heartbeat", Method::POST, session(id).then("/heartbeat"))).await
    }

    /// `relays.stop`: ends a relay session.
    pub async fn relays_stop(&self, id: &str) -> Result<RelaySession, ClientError> {
        self.json(Call::new("relays.stop", Method::POST, session(id).then("/stop"))).await
    }
}

fn session(id: &str) -> Path {
    Path::new("/connect-sessions").segment(id)
}
