use http::Method;

use crate::client::path::Path;
use crate::client::transport::Call;
use crate::limits::{LimitOverride, Limits, SetLimit};
use crate::{Client, ClientError};

impl Client {
    /// `limits.list`: the limits in force.
    pub async fn limits_list(&self) -> Result<Limits, ClientError> {
        self.json(Call::new("limits.list", Method::GET, Path::new("/limits"))).await
    }

    /// `limits.set`: sets an exception for a subject.
    pub async fn limits_set(
        &self,
        tier: &str,
        subject: &str,
        set: &SetLimit,
    ) -> Result<LimitOverride, ClientError> {
        let path = Path::new("/limits").segment(tier).segment(subject);
        self.json(Call::new("limits.set", Method::PUT, path).json(set)).await
    }

    /// `limits.remove`: removes an exception.
    pub async fn limits_remove(&self, tier: &str, subject: &str) -> Result<(), ClientError> {
        let path = Path::new("/limits").segment(tier).segment(subject);
        self.whole(Call::new("limits.remove", Method::DELETE, path)).await.map(drop)
    }
}
