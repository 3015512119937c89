//! Who may do what over S3.

use casemate_control::Caller;
use casemate_identity::IdentityError;
use casemate_model::{KeyId, RequestId};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3Result, s3_error};
use secrecy::ExposeSecret;

use crate::app::AppState;
use crate::client_address::ClientAddress;
use crate::layers::S3Charge;
use crate::tiers::s3_price;

/// Every operation of S3 that is served, and the rows of the permission table that it asks for. What is not listed is
/// refused before anything of it is read.
pub const OPERATIONS: &[(&str, &[&str])] = &[
    ("AbortMultipartUpload", &["objects.put"]),
    ("CompleteMultipartUpload", &["objects.put"]),
    ("CopyObject", &["objects.get", "objects.put"]),
    ("CreateBucket", &["buckets.create"]),
    ("CreateMultipartUpload", &["objects.put"]),
    ("DeleteBucket", &["buckets.delete"]),
    ("DeleteBucketCors", &["buckets.configure"]),
    ("DeleteBucketLifecycle", &["buckets.configure"]),
    ("DeleteBucketTagging", &["buckets.configure"]),
    ("DeleteObject", &["objects.delete"]),
    ("DeleteObjectTagging", &["objects.tag"]),
    ("DeleteObjects", &["objects.delete"]),
    ("GetBucketAcl", &["buckets.show"]),
    ("GetBucketCors", &["buckets.show"]),
    ("GetBucketLifecycleConfiguration", &["buckets.show"]),
    ("GetBucketLocation", &["buckets.show"]),
    ("GetBucketTagging", &["buckets.show"]),
    ("GetBucketVersioning", &["buckets.show"]),
    ("GetObject", &["objects.get"]),
    ("GetObjectAcl", &["objects.stat"]),
    ("GetObjectAttributes", &["objects.stat"]),
    ("GetObjectTagging", &["objects.stat"]),
    ("HeadBucket", &["buckets.show"]),
    ("HeadObject", &["objects.stat"]),
    ("ListBuckets", &["buckets.list"]),
    ("ListMultipartUploads", &["objects.list"]),
    ("ListObjectVersions", &["objects.list"]),
    ("ListObjects", &["objects.list"]),
    ("ListObjectsV2", &["objects.list"]),
    ("ListParts", &["objects.put"]),
    ("PutBucketAcl", &["buckets.configure"]),
    ("PutBucketCors", &["buckets.configure"]),
    ("PutBucketLifecycleConfiguration", &["buckets.configure"]),
    ("PutBucketTagging", &["buckets.configure"]),
    ("PutBucketVersioning", &["buckets.configure"]),
    ("PutObject", &["objects.put"]),
    ("PutObjectAcl", &["objects.tag"]),
    ("PutObjectTagging", &["objects.tag"]),
    ("UploadPart", &["objects.put"]),
    ("UploadPartCopy", &["objects.get", "objects.put"]),
];

/// Finds the secret that a request must be signed with.
pub(super) struct Secrets {
    pub(super) state: AppState,
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let control = &self.state.control;
        let id: KeyId = access_key.parse().map_err(|_| S3Error::new(s3s::S3ErrorCode::InvalidAccessKeyId))?;
        let secret = control.authenticator().s3_secret_of(id, control.now()).await.map_err(refuse)?;
        Ok(SecretKey::from(secret.expose_secret()))
    }
}

/// Lets through what is on the list and signed, and says who asks.
pub(super) struct Listed {
    pub(super) state: AppState,
}

#[async_trait::async_trait]
impl S3Access for Listed {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let credentials =
            context.credentials().ok_or_else(|| s3_error!(AccessDenied, "the request is not signed"))?;
        let name = context.s3_op().name().to_owned();
        let control = &self.state.control;
        let id: KeyId =
            credentials.access_key.parse().map_err(|_| S3Error::new(s3s::S3ErrorCode::InvalidAccessKeyId))?;
        let address = context.extensions_mut().get().and_then(|ClientAddress(address)| *address);
        let from = address.unwrap_or(casemate_control::LOOPBACK);
        let principal =
            control.authenticator().by_access_key(id, from, control.now()).await.map_err(refuse)?;
        // The signature has been verified by now, so it is the key's holder who asks.
        let charge = context.extensions_mut().get::<S3Charge>().cloned();
        if let Some(charge) = charge
            && charge.verified(&self.state, &principal, s3_price(&name)).await
        {
            return Err(S3Error::new(s3s::S3ErrorCode::SlowDown));
        }
        if !OPERATIONS.iter().any(|(listed, _)| *listed == name) {
            return Err(s3_error!(NotImplemented, "this node does not serve that operation"));
        }
        let request = context.extensions_mut().get::<RequestId>().copied();
        let request = request.unwrap_or_else(|| RequestId::generate(control.now(), control.entropy()));
        context.extensions_mut().insert(Caller::new(principal, request, address));
        Ok(())
    }
}

fn refuse(error: IdentityError) -> S3Error {
    match error {
        IdentityError::Rejected(_) => S3Error::new(s3s::S3ErrorCode::InvalidAccessKeyId),
        IdentityError::Store(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store of keys failed");
            S3Error::new(s3s::S3ErrorCode::ServiceUnavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use casemate_policy::operation::TABLE;

    use super::OPERATIONS;

    #[test]
    fn every_s3_operation_has_its_rows() {
        assert!(OPERATIONS.is_sorted_by(|one, two| one.0 < two.0), "in order, none twice");
        for (name, actions) in OPERATIONS {
            assert!(!actions.is_empty(), "{name}");
            for action in *actions {
                assert!(TABLE.iter().any(|row| row.action == *action), "{name} asks for {action}");
            }
        }
    }
}
