use casemate_identity::{KeyLabel, KeyRecord, NewKey, issue_key, s3_secret};
use casemate_model::{KeyId, Principal, Role, Scopes, Timestamp};
use casemate_policy::{Resource, operation, roles};
use secrecy::SecretString;

use crate::{Caller, Control, ControlError};

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// What a person calls it.
    pub label: KeyLabel,
    /// Its role.
    pub role: Role,
    /// Its scopes.
    pub scopes: Scopes,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// A new key, whose secrets are nowhere else.
pub struct CreatedKey {
    /// The key.
    pub record: KeyRecord,
    /// What its holder presents.
    pub secret: SecretString,
    /// What its holder signs requests to S3 with.
    pub s3_secret: SecretString,
}

impl Control {
    /// Makes a key for the caller's project, which cannot reach further than the caller. Its secret is in the answer
    /// and nowhere else.
    pub async fn create_key(&self, caller: &Caller, wanted: KeyRequest) -> Result<CreatedKey, ControlError> {
        let permit = self.permit::<operation::CreateKey>(caller, &Resource::all("keys")).await?;
        if wanted.expires.is_some_and(|expires| expires <= self.now()) {
            return Err(ControlError::KeyExpiresInPast);
        }
        let maker = permit.principal();
        if self.exceeds(&wanted, maker).await? {
            let why = "the key would reach further than its maker";
            self.record_refused(caller, permit.action(), "keys", why).await?;
            return Err(ControlError::KeyExceedsMaker);
        }
        let new = NewKey {
            project: permit.project().clone(),
            label: wanted.label,
            role: wanted.role,
            scopes: wanted.scopes,
            expires: wanted.expires,
        };
        let (record, secret) = issue_key(new, self.authenticator().peppers(), self.now(), self.entropy());
        let mut event = self.event(caller, permit.action(), Resource::one("key", record.id), "created");
        event.details.push(("role".to_owned(), record.role.to_string()));
        event.details.push(("scopes".to_owned(), record.scopes.to_string()));
        self.parts.credentials.insert_key(&record, event).await?;
        let s3_secret = s3_secret(self.authenticator().peppers(), record.id, &record.secret);
        Ok(CreatedKey { record, secret, s3_secret: s3_secret.expect("it was sealed under a pepper of ours") })
    }

    /// Whether a wanted key would have a role or scope that its maker lacks, or outlive the maker's own key.
    async fn exceeds(&self, wanted: &KeyRequest, maker: &Principal) -> Result<bool, ControlError> {
        let of_role = match roles::built_in(&wanted.role) {
            Some(of_role) => of_role,
            None => {
                let found = self.parts.credentials.role(&maker.project, &wanted.role).await?;
                found.ok_or_else(|| ControlError::RoleNotFound(wanted.role.clone()))?
            }
        };
        // Its maker answers for all that the key could ever do, also by its role alone.
        if !maker.scopes.cover_all(&of_role.intersection(&wanted.scopes)) {
            return Ok(true);
        }
        let end = self.key_behind(maker).await?.and_then(|key| key.expires);
        Ok(end.is_some_and(|end| wanted.expires.is_none_or(|expires| expires > end)))
    }

    /// Lists the project's keys.
    pub async fn list_keys(
        &self,
        caller: &Caller,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, ControlError> {
        let permit = self.permit::<operation::ListKeys>(caller, &Resource::all("keys")).await?;
        Ok(self.parts.credentials.keys(permit.project(), after, limit).await?)
    }

    /// Revokes a key of the project; it is refused from now on, and so are sessions that it opened.
    pub async fn revoke_key(&self, caller: &Caller, id: KeyId) -> Result<(), ControlError> {
        let resource = Resource::one("key", id);
        let permit = self.permit::<operation::RevokeKey>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "revoked");
        let revoked = self.parts.credentials.revoke_key(permit.project(), id, self.now(), event).await?;
        self.authenticator().forget_key(id);
        if revoked { Ok(()) } else { Err(ControlError::KeyNotFound(id)) }
    }
}
