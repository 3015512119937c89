use http::Method;

use crate::client::path::Path;
use crate::client::transport::Call;
use crate::session::{LoginLink, Principal, SignIn};
use crate::{Client, ClientError};

impl Client {
    /// `sessions.sign_in`: checks a credential as the console does. This client keeps no cookie.
    pub async fn sessions_sign_in(&self, sign_in: &SignIn) -> Result<Principal, ClientError> {
        self.json(Call::new("sessions.sign_in", Method::POST, Path::new("/session")).json(sign_in)).await
    }

    /// `sessions.whoami`: who the caller is.
    pub async fn sessions_whoami(&self) -> Result<Principal, ClientError> {
        self.json(Call::new("sessions.whoami", Method::GET, Path::new("/session"))).await
    }

    /// `sessions.sign_out`: ends the session in use, if there is one.
    pub async fn sessions_sign_out(&self) -> Result<(), ClientError> {
        self.whole(Call::new("sessions.sign_out", Method::DELETE, Path::new("/session"))).await.map(drop)
    }

    /// `sessions.link`: makes a one-time login link for the console.
    pub async fn sessions_link(&self) -> Result<LoginLink, ClientError> {
        self.create(Call::new("sessions.link", Method::POST, Path::new("/login-links"))).await
    }
}
