use http::Method;

use crate::certificates::{Certificate, RequestCertificate};
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::{Client, ClientError};

impl Client {
    /// `certificates.issue`: a certificate for the holder of the API key in use.
    pub async fn certificates_issue(&self, request: &RequestCertificate) -> Result<Certificate, ClientError> {
        self.json(Call::new("certificates.issue", Method::POST, Path::new("/certificates")).json(request))
            .await
    }
}
