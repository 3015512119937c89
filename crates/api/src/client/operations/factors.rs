use http::Method;

use crate::client::path::Path;
use crate::client::transport::Call;
use crate::factors::{ConfirmApp, Factors, NewApp, RecoveryCodes, WithPassword, WithPasswordAndCode};
use crate::{Client, ClientError};

impl Client {
    /// `factors.list`: one's own second factors.
    pub async fn factors_list(&self) -> Result<Factors, ClientError> {
        self.json(Call::new("factors.list", Method::GET, Path::new("/factors"))).await
    }

    /// `factors.begin_totp`: a secret for an authenticator app.
    pub async fn factors_begin_totp(&self, body: &WithPassword) -> Result<NewApp, ClientError> {
        self.json(Call::new("factors.begin_totp", Method::POST, Path::new("/factors/app")).json(body)).await
    }

    /// `factors.confirm_totp`: confirms the app by a first code.
    pub async fn factors_confirm_totp(&self, body: &ConfirmApp) -> Result<RecoveryCodes, ClientError> {
        let path = Path::new("/factors/app/confirm");
        self.json(Call::new("factors.confirm_totp", Method::POST, path).json(body)).await
    }

    /// `factors.remove_totp`: removes the app.
    pub async fn factors_remove_totp(&self, body: &WithPasswordAndCode) -> Result<(), ClientError> {
        let path = Path::new("/factors/app/remove");
        self.whole(Call::new("factors.remove_totp", Method::POST, path).json(body)).await.map(drop)
    }

    /// `users.reset_factors`: removes all factors of a user but the password.
    pub async fn users_reset_factors(&self, name: &str) -> Result<(), ClientError> {
        let path = Path::new("/users").segment(name).segment("reset-factors");
        self.whole(Call::new("users.reset_factors", Method::POST, path)).await.map(drop)
    }
}
