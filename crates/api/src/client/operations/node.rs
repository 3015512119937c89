use http::{HeaderName, Method};

use crate::client::path::Path;
use crate::client::transport::{Call, header_value};
use crate::health::{Health, Overview};
use crate::{Client, ClientError, Download, Events};

impl Client {
    /// `node.health`: how the node is. A failing node answers too.
    pub async fn node_health(&self) -> Result<Health, ClientError> {
        self.health_at("node.health", "/health").await
    }

    /// `node.ready`: whether the node may be sent requests, and why not.
    pub async fn node_ready(&self) -> Result<Health, ClientError> {
        self.health_at("node.ready", "/health/ready").await
    }

    async fn health_at(&self, operation: &'static str, path: &str) -> Result<Health, ClientError> {
        let (status, body) = self.whole_unjudged(Call::new(operation, Method::GET, Path::new(path))).await?;
        match serde_json::from_slice(&body) {
            Ok(health) => Ok(health),
            Err(source) if status.is_success() => Err(ClientError::BadAnswer { operation, source }),
            Err(_) => Err(match serde_json::from_slice(&body) {
                Ok(problem) => ClientError::Problem(Box::new(problem)),
                Err(source) => ClientError::BadAnswer { operation, source },
            }),
        }
    }

    /// `node.overview`: figures of the node and of the caller's project.
    pub async fn node_overview(&self) -> Result<Overview, ClientError> {
        self.json(Call::new("node.overview", Method::GET, Path::new("/overview"))).await
    }

    /// `node.describe`: the OpenAPI document, as JSON text.
    pub async fn node_describe(&self) -> Result<String, ClientError> {
        self.text(Call::new("node.describe", Method::GET, Path::new("/openapi.json"))).await
    }

    /// `node.events`: what happens from now on, or after the event `last_id`.
    pub async fn node_events(&self, last_id: Option<&str>) -> Result<Events, ClientError> {
        let mut call = Call::new("node.events", Method::GET, Path::new("/events"));
        if let Some(last_id) = last_id {
            let name = HeaderName::from_static("last-event-id");
            call = call.header(name, header_value("id of the last event", last_id)?);
        }
        let (parts, body) = self.send(call).await?.into_parts();
        Ok(Events::new(Download::new(self.address(), &parts.headers, body)))
    }

    /// `node.metrics`: figures for monitoring in the text format of Prometheus.
    pub async fn node_metrics(&self) -> Result<String, ClientError> {
        self.text(Call::new("node.metrics", Method::GET, Path::root("/metrics"))).await
    }
}
