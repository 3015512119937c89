use casemate_identity::IssuedCertificate;
use casemate_model::PrincipalKind;
use casemate_policy::{Resource, operation};

use crate::{Caller, Control, ControlError};

impl Control {
    /// Signs a certificate for the caller, who uses an API key, and for the private key that `request` is signed with.
    pub async fn issue_certificate(
        &self,
        caller: &Caller,
        request: &str,
    ) -> Result<IssuedCertificate, ControlError> {
        let permit =
            self.permit::<operation::IssueCertificate>(caller, &Resource::all("certificates")).await?;
        let PrincipalKind::Key(key) = permit.principal().kind else {
            return Err(ControlError::NoKey);
        };
        let record = self.parts.credentials.key(key).await?.ok_or(ControlError::KeyNotFound(key))?;
        let issued = self.authenticator().certificates().issue(&record, request, self.now())?;
        let mut event = self.event(caller, permit.action(), Resource::one("key", key), "certificate issued");
        event.details.push(("expires".to_owned(), issued.expires.to_string()));
        self.parts.audit.append(event).await?;
        Ok(issued)
    }

    /// The roots, in PEM, by which the mutual TLS listener and its clients are checked.
    pub async fn certificate_roots(&self, caller: &Caller) -> Result<String, ControlError> {
        self.permit::<operation::ReadCertificateRoots>(caller, &Resource::all("certificates")).await?;
        Ok(self.authenticator().certificates().roots_pem(self.now()))
    }
}
