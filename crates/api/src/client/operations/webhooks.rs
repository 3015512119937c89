use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::webhooks::{CreateWebhook, CreatedWebhook, Delivery, RotateWebhook, UpdateWebhook, Webhook};
use crate::{Client, ClientError, Page};

fn webhook(id: &str) -> Path {
    Path::new("/webhooks").segment(id)
}

impl Client {
    /// `webhooks.create`: makes a webhook.
    pub async fn webhooks_create(&self, wanted: &CreateWebhook) -> Result<CreatedWebhook, ClientError> {
        self.json(Call::new("webhooks.create", Method::POST, Path::new("/webhooks")).json(wanted)).await
    }

    /// `webhooks.list`: the project's webhooks.
    pub async fn webhooks_list(&self, page: &PageRequest) -> Result<Page<Webhook>, ClientError> {
        self.json(Call::new("webhooks.list", Method::GET, page.apply(Path::new("/webhooks")))).await
    }

    /// `webhooks.show`: one of them.
    pub async fn webhooks_show(&self, id: &str) -> Result<Webhook, ClientError> {
        self.json(Call::new("webhooks.show", Method::GET, webhook(id))).await
    }

    /// `webhooks.update`: changes where it sends to, and what.
    pub async fn webhooks_update(&self, id: &str, change: &UpdateWebhook) -> Result<Webhook, ClientError> {
        self.json(Call::new("webhooks.update", Method::PATCH, webhook(id)).json(change)).await
    }

    /// `webhooks.delete`: removes it.
    pub async fn webhooks_delete(&self, id: &str) -> Result<(), ClientError> {
        self.whole(Call::new("webhooks.delete", Method::DELETE, webhook(id))).await.map(drop)
    }

    /// `webhooks.rotate`: gives it another secret.
    pub async fn webhooks_rotate(
        &self,
        id: &str,
        rotate: &RotateWebhook,
    ) -> Result<CreatedWebhook, ClientError> {
        self.json(Call::new("webhooks.rotate", Method::POST, webhook(id).segment("rotate")).json(rotate))
            .await
    }

    /// `webhooks.pause`: has it send nothing.
    pub async fn webhooks_pause(&self, id: &str) -> Result<Webhook, ClientError> {
        self.json(Call::new("webhooks.pause", Method::POST, webhook(id).segment("pause"))).await
    }

    /// `webhooks.resume`: has it send again.
    pub async fn webhooks_resume(&self, id: &str) -> Result<Webhook, ClientError> {
        self.json(Call::new("webhooks.resume", Method::POST, webhook(id).segment("resume"))).await
    }

    /// `webhooks.test`: has it send a test event.
    pub async fn webhooks_test(&self, id: &str) -> Result<Delivery, ClientError> {
        self.json(Call::new("webhooks.test", Method::POST, webhook(id).segment("test"))).await
    }

    /// `webhooks.deliveries`: what it has sent and is to send.
    pub async fn webhooks_deliveries(
        &self,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, ClientError> {
        let path = page.apply(webhook(id).segment("deliveries"));
        self.json(Call::new("webhooks.deliveries", Method::GET, path)).await
    }

    /// `webhooks.redeliver`: has it send something once more.
    pub async fn webhooks_redeliver(&self, id: &str, delivery: &str) -> Result<Delivery, ClientError> {
        let path = webhook(id).segment("deliveries").segment(delivery).segment("redeliver");
        self.json(Call::new("webhooks.redeliver", Method::POST, path)).await
    }
}
