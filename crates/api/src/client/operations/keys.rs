use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::keys::{CreateKey, CreatedKey, Key, RotateKey};
use crate::{Client, ClientError, Page};

impl Client {
    /// `keys.create`: makes an API key.
    pub async fn keys_create(&self, key: &CreateKey) -> Result<CreatedKey, ClientError> {
        self.create(Call::new("keys.create", Method::POST, Path::new("/keys")).json(key)).await
    }

    /// `keys.list`: the project's keys.
    pub async fn keys_list(&self, page: &PageRequest) -> Result<Page<Key>, ClientError> {
        self.json(Call::new("keys.list", Method::GET, page.apply(Path::new("/keys")))).await
    }

    /// `keys.rotate`: gives a key another secret.
    pub async fn keys_rotate(&self, id: &str, rotate: &RotateKey) -> Result<CreatedKey, ClientError> {
        let path = Path::new("/keys").segment(id).segment("rotate");
        self.json(Call::new("keys.rotate", Method::POST, path).json(rotate)).await
    }

    /// `keys.revoke`: ends a key at once.
    pub async fn keys_revoke(&self, id: &str) -> Result<(), ClientError> {
        let call = Call::new("keys.revoke", Method::DELETE, Path::new("/keys").segment(id));
        self.whole(call).await.map(drop)
    }
}
