//! Links that open one version of an object to whoever holds them, until a time.

use std::time::Duration;

use casemate_identity::{Maker, Rejected, SharedObject};
use casemate_model::{BucketName, ObjectKey, PrincipalKind};
use casemate_objects::{ObjectRecord, ObjectsError, VerifiedBlob, Version};
use casemate_policy::{Resource, operation};
use secrecy::SecretString;

use crate::objects::{object_resource, version_text};
use crate::{Caller, Control, ControlError};

/// The longest that a link may be good for.
pub const SHARE_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The least that a link may be good for.
pub const SHARE_LIFETIME_MIN: Duration = Duration::from_secs(60);

/// A link that was made.
#[derive(Clone, Debug)]
pub struct Share {
    /// Its token, which is all of the secret.
    pub token: SecretString,
    /// What it opens.
    pub object: SharedObject,
}

impl Control {
    /// Makes a link to a version of an object as it is now. It ends with the time, with what the caller may
    /// do, and with the content.
    pub async fn share_object(
        &self,
        caller: &Caller,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
        lifetime: Duration,
    ) -> Result<Share, ControlError> {
        if !(SHARE_LIFETIME_MIN..=SHARE_LIFETIME_MAX).contains(&lifetime) {
            return Err(ControlError::ShareLifetime);
        }
        let resource = object_resource(bucket, key);
        let permit = self.permit::<operation::ShareObject>(caller, &resource).await?;
        let project = permit.project().clone();
        let record = self.parts.objects.find_version(&project, bucket, key, version).await?;
        let object = SharedObject {
            project,
            bucket: record.bucket,
            key: record.key,
            version: record.version,
            digest: record.digest,
            expires: self.now().saturating_add(lifetime),
            maker: self.maker_of(&caller.principal).await?,
        };
        let mut event = self.event(caller, permit.action(), &resource, "link made");
        event.details.push(("version".to_owned(), version_text(object.version)));
        event.details.push(("expires".to_owned(), object.expires.to_string()));
        self.parts.audit.append(event).await?;
        Ok(Share { token: self.authenticator().sign_share(&object), object })
    }

    /// Opens what a link opens, if it still does. Each use is recorded, and so is each refusal.
    pub async fn open_share(
        &self,
        caller: &Caller,
        token: &str,
    ) -> Result<(ObjectRecord, VerifiedBlob), ControlError> {
        let permit = self.permit::<operation::OpenShare>(caller, &Resource::all("share")).await?;
        match self.follow_share(token).await {
            Ok((shared, record)) => {
                let place = record.place();
                let maker = match shared.maker {
                    Maker::Operator => PrincipalKind::Node,
                    Maker::Key(id) => PrincipalKind::Key(id),
                    Maker::User(id) => PrincipalKind::User(id),
                };
                let resource = object_resource(&place.bucket, &place.key);
                let node = self.node_caller(&shared.project);
                let blob = self.open_content(&node, record.blob()).await?;
                let mut event =
                    self.event(caller, permit.action(), &resource, "sent to the holder of a link");
                event.project = shared.project.clone();
                event.details.push(("maker".to_owned(), maker.to_string()));
                event.details.push(("version".to_owned(), version_text(shared.version)));
                self.parts.audit.append(event).await?;
                Ok((record, blob))
            }
            Err(ControlError::ShareRefused) => {
                self.record_refused(caller, permit.action(), "share", "the link does not open anything")
                    .await?;
                Err(ControlError::ShareRefused)
            }
            Err(error) => Err(error),
        }
    }

    /// What a token stands for. That it is altered, expired, its maker gone, or its object gone, all looks the same from
    /// outside.
    async fn follow_share(&self, token: &str) -> Result<(SharedObject, ObjectRecord), ControlError> {
        let refused = |_: Rejected| ControlError::ShareRefused;
        let shared = self.authenticator().open_share(token, self.now()).map_err(refused)?;
        let maker = self.principal_of(shared.maker, &shared.project).await?;
        let maker = maker.ok_or(ControlError::ShareRefused)?;
        // The maker may have lost what it took to share; then it shares nothing any more.
        let resource = object_resource(&shared.bucket, &shared.key);
        casemate_policy::authorize::<operation::ShareObject>(&maker, &shared.project, &resource)
            .map_err(|_| ControlError::ShareRefused)?;
        let version = Version::Given(shared.version);
        let found =
            self.parts.objects.find_version(&shared.project, &shared.bucket, &shared.key, version).await;
        match found {
            Ok(record) if record.digest == shared.digest => Ok((shared, record)),
            Ok(_) => Err(ControlError::ShareRefused),
            Err(ObjectsError::Store(error)) => Err(error.into()),
            Err(_) => Err(ControlError::ShareRefused),
        }
    }
}
