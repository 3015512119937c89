//! Errors as S3 says them.

use casemate_control::ControlError;
use casemate_model::VersionId;
use casemate_objects::ObjectsError;
use http::{HeaderMap, HeaderValue};
use s3s::{S3Error, S3ErrorCode};

use super::body::BodyError;
use super::metadata::version_text;

/// The error of a use case. What only the operator can mend is logged here, and said without detail.
pub(super) fn refuse(error: ControlError) -> S3Error {
    match &error {
        ControlError::Objects(objects) => objects_error(objects),
        ControlError::Denied(denied) => S3Error::with_message(S3ErrorCode::AccessDenied, denied.to_string()),
        _ => failed(&error),
    }
}

fn objects_error(error: &ObjectsError) -> S3Error {
    let code = match error {
        ObjectsError::NotFound { .. } | ObjectsError::Marked { .. } => S3ErrorCode::NoSuchKey,
        ObjectsError::BucketNotFound { .. } => S3ErrorCode::NoSuchBucket,
        ObjectsError::BucketNotEmpty { .. } => S3ErrorCode::BucketNotEmpty,
        ObjectsError::BucketContended { .. } => S3ErrorCode::OperationAborted,
        ObjectsError::VersionNotFound { .. } => S3ErrorCode::NoSuchVersion,
        ObjectsError::VersionIsMarker { .. } => S3ErrorCode::MethodNotAllowed,
        ObjectsError::Unfit { absent: true } => S3ErrorCode::NoSuchKey,
        ObjectsError::Unfit { absent: false } => S3ErrorCode::PreconditionFailed,
        ObjectsError::UploadNotFound { .. } => S3ErrorCode::NoSuchUpload,
        ObjectsError::PartNumber { .. } => S3ErrorCode::InvalidArgument,
        ObjectsError::PartOrder => S3ErrorCode::InvalidPartOrder,
        ObjectsError::PartMissing { .. } => S3ErrorCode::InvalidPart,
        ObjectsError::PartTooSmall { .. } => S3ErrorCode::EntityTooSmall,
        ObjectsError::TooLarge { .. } => S3ErrorCode::EntityTooLarge,
        ObjectsError::Md5Mismatch | ObjectsError::DigestMismatch { .. } => S3ErrorCode::BadDigest,
        ObjectsError::QuotaExceeded { .. } => {
            // As Ceph says it; AWS has no quotas of that kind.
            let mut refusal =
                S3Error::with_message(S3ErrorCode::Custom("QuotaExceeded".into()), error.to_string());
            refusal.set_status_code(http::StatusCode::FORBIDDEN);
            return refusal;
        }
        ObjectsError::Lifecycle(_) => S3ErrorCode::InvalidRequest,
        ObjectsError::UploadBroken { source } => {
            return source.downcast_ref::<BodyError>().map_or_else(
                || S3Error::with_message(S3ErrorCode::IncompleteBody, error.to_string()),
                body_error,
            );
        }
        ObjectsError::NoRoom { .. } | ObjectsError::Files(casemate_fs::FsError::NoSpace { .. }) => {
            tracing::error!(error = error as &dyn std::error::Error, "no space is left");
            return unavailable("no space is left on the node; nothing was stored");
        }
        ObjectsError::Busy => {
            return unavailable("too much packed content is being read at once; try again in a moment");
        }
        ObjectsError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            tracing::error!(error = error as &dyn std::error::Error, "no space is left");
            return unavailable("no space is left on the node; nothing was stored");
        }
        ObjectsError::BlobMissing { .. }
        | ObjectsError::Corrupt { .. }
        | ObjectsError::PartDamaged { .. }
        | ObjectsError::Files(_)
        | ObjectsError::Io { .. }
        | ObjectsError::Store(_) => return failed(error),
    };
    let mut refusal = S3Error::with_message(code, error.to_string());
    if let ObjectsError::Marked { version, .. } | ObjectsError::VersionIsMarker { version, .. } = error {
        refusal.set_headers(marker_headers(*version));
    }
    refusal
}

/// Content that is not what was announced: always the client's affair, whatever the code.
fn body_error(error: &BodyError) -> S3Error {
    let mut refusal = S3Error::with_message(error.code(), error.to_string());
    if matches!(refusal.code(), S3ErrorCode::Custom(_)) {
        refusal.set_status_code(http::StatusCode::BAD_REQUEST);
    }
    refusal
}

/// What says that a key has no object because it is marked as deleted.
fn marker_headers(version: Option<VersionId>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    let version = HeaderValue::try_from(version_text(version)).expect("ids are ASCII");
    headers.insert("x-amz-version-id", version);
    headers
}

fn failed(error: &(dyn std::error::Error + 'static)) -> S3Error {
    tracing::error!(error, "a request to S3 failed");
    S3Error::with_message(S3ErrorCode::InternalError, "the node could not do it; its log says more")
}

/// Something that may be better in a while.
pub(super) fn unavailable(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::ServiceUnavailable, message)
}
