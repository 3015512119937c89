use std::time::Duration;

use casemate_identity::{KeyLabel, KeyRecord, NewKey, issue_key, reissue_key, s3_secret};
use casemate_model::{KeyId, Networks, Principal, RequestLimit, Role, Scopes, Timestamp, UserName};
use casemate_policy::{Resource, operation};
use secrecy::SecretString;

use crate::{Caller, Control, ControlError};

/// The longest that two secrets of a key may fit.
const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

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
    /// The user whose key it is; the caller's own, if that is a user, or nobody's.
    pub owner: Option<UserName>,
    /// From where it may be used.
    pub networks: Networks,
    /// How many requests it may send, if it is to have a limit of its own.
    pub limit: Option<RequestLimit>,
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
        // A user's key, and what it makes, ends with the user.
        let bound_to = self.key_behind(maker).await?.and_then(|key| key.owner);
        let owner = match &wanted.owner {
            Some(name) => Some(self.find_user(name).await?.id),
            None => bound_to.or_else(|| maker.user()),
        };
        if bound_to.is_some() && owner != bound_to {
            let why = "the key would outlive the user of its maker";
            self.record_refused(caller, permit.action(), "keys", why).await?;
            return Err(ControlError::KeyExceedsMaker);
        }
        let new = NewKey {
            owner,
            networks: wanted.networks,
            limit: wanted.limit,
            project: permit.project().clone(),
            label: wanted.label,
            role: wanted.role,
            scopes: wanted.scopes,
            expires: wanted.expires,
        };
        let (record, secret) = issue_key(new, self.authenticator().peppers(), self.now(), self.entropy());
        let mut event = self.event(caller, permit.action(), Resource::one("key", record.id), "created");
        event.details.push(("role".to_owned(), record.role.to_string()));
        if let Some(owner) = record.owner {
            event.details.push(("owner".to_owned(), owner.to_string()));
        }
        event.details.push(("scopes".to_owned(), record.scopes.to_string()));
        if let Some(limit) = record.limit {
            let limit = format!("{} per second, {} at once", limit.per_second(), limit.burst());
            event.details.push(("limit".to_owned(), limit));
        }
        self.parts.credentials.insert_key(&record, event).await?;
        let s3_secret = s3_secret(self.authenticator().peppers(), record.id, &record.secret);
        Ok(CreatedKey { record, secret, s3_secret: s3_secret.expect("it was sealed under a pepper of ours") })
    }

    /// Whether a wanted key would have a role or scope that its maker lacks, send more than the maker's own key may,
    /// from elsewhere, or outlive it.
    async fn exceeds(&self, wanted: &KeyRequest, maker: &Principal) -> Result<bool, ControlError> {
        let of_role = self.scopes_of(&maker.project, &wanted.role).await?;
        let of_role = of_role.ok_or_else(|| ControlError::RoleNotFound(wanted.role.clone()))?;
        // Its maker answers for all that the key could ever do, also by its role alone.
        if !maker.scopes.cover_all(&of_role.intersection(&wanted.scopes)) {
            return Ok(true);
        }
        if let Some(own) = maker.limit
            && wanted.limit.is_none_or(|limit| !limit.is_within(own.limit))
        {
            return Ok(true);
        }
        let Some(behind) = self.key_behind(maker).await? else { return Ok(false) };
        let outlives = behind.expires.is_some_and(|end| wanted.expires.is_none_or(|expires| expires > end));
        Ok(outlives || !wanted.networks.are_within(&behind.networks))
    }

    /// Gives a key of the project another secret. The one that it had still fits for `overlap`; the secret for S3, of which
    /// there is one at a time, changes at once.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        id: KeyId,
        overlap: Duration,
    ) -> Result<CreatedKey, ControlError> {
        let resource = Resource::one("key", id);
        let permit = self.permit::<operation::RotateKey>(caller, &resource).await?;
        if overlap > OVERLAP_MAX {
            return Err(ControlError::KeyOverlap);
        }
        let credentials = &self.parts.credentials;
        let found = credentials.key(id).await?.filter(|key| key.project == *permit.project());
        let record = found.ok_or(ControlError::KeyNotFound(id))?;
        let wanted = KeyRequest {
            label: record.label.parse()?,
            role: record.role,
            scopes: record.scopes,
            expires: record.expires,
            owner: None,
            networks: record.networks,
            limit: record.limit,
        };
        // Whoever gets the secret could do what the key does.
        if self.exceeds(&wanted, permit.principal()).await? {
            let why = "the key reaches further than the caller";
            self.record_refused(caller, permit.action(), &resource, why).await?;
            return Err(ControlError::KeyExceedsMaker);
        }
        let (secret, text) = reissue_key(id, self.authenticator().peppers(), self.entropy());
        let until = self.now().saturating_add(overlap);
        let mut event = self.event(caller, permit.action(), &resource, "secret exchanged");
        event.details.push(("former_until".to_owned(), until.to_string()));
        let done = credentials.rotate_key(permit.project(), id, (secret, until), event).await?;
        self.authenticator().forget_key(id);
        let record = credentials.key(id).await?.filter(|_| done).ok_or(ControlError::KeyNotFound(id))?;
        let s3_secret = s3_secret(self.authenticator().peppers(), id, &record.secret);
        let s3_secret = s3_secret.expect("it was sealed under a pepper of ours");
        Ok(CreatedKey { record, secret: text, s3_secret })
    }

    /// Keeps when keys were used last.
    pub(crate) async fn keep_uses(&self) -> Result<(), ControlError> {
        let used = self.authenticator().take_used();
        if used.is_empty() { Ok(()) } else { Ok(self.parts.credentials.note_used(&used).await?) }
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
