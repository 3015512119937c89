use casemate_api::ProblemCode as Code;
use casemate_objects::{LifecycleError, ObjectsError};

use super::Problem;

impl Problem {
    pub(super) fn objects(error: &ObjectsError) -> Self {
        let text = error.to_string();
        match error {
            ObjectsError::NotFound { .. }
            | ObjectsError::BucketNotFound { .. }
            | ObjectsError::VersionNotFound { .. }
            | ObjectsError::VersionIsMarker { .. }
            | ObjectsError::Marked { .. }
            | ObjectsError::UploadNotFound { .. } => Self::new(Code::NotFound, text),
            ObjectsError::BucketNotEmpty { .. } => Self::new(Code::Conflict, text)
                .hint("`casemate rm -r --versions cm://BUCKET` deletes every object and version in it"),
            ObjectsError::BucketContended { .. } => Self::new(Code::Conflict, text),
            ObjectsError::Unfit { .. } => Self::new(Code::StaleSequence, text),
            ObjectsError::PartNumber { .. }
            | ObjectsError::PartOrder
            | ObjectsError::PartMissing { .. }
            | ObjectsError::PartTooSmall { .. }
            | ObjectsError::PartDamaged { .. } => Self::new(Code::InvalidParameter, text),
            ObjectsError::BlobMissing { .. } => Self::new(Code::BlobMissing, text)
                .hint("store the content in this project first: `casemate cp FILE cm://BUCKET/KEY`"),
            ObjectsError::Corrupt { .. } => {
                Self::new(Code::CorruptObject, text).hint("store the content again to heal it")
            }
            ObjectsError::DigestMismatch { .. } | ObjectsError::Md5Mismatch => {
                Self::new(Code::DigestMismatch, text)
            }
            ObjectsError::TooLarge { .. } => Self::new(Code::BodyTooLarge, text),
            ObjectsError::UploadBroken { .. } => Self::new(Code::UploadBroken, text),
            ObjectsError::Files(casemate_fs::FsError::NoSpace { .. }) | ObjectsError::NoRoom { .. } => {
                Self::storage_full(error)
            }
            ObjectsError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::storage_full(error)
            }
            ObjectsError::Busy => Self::too_many_transfers(),
            ObjectsError::Files(_) | ObjectsError::Io { .. } => Self::failed(error),
            ObjectsError::QuotaExceeded { .. } => Self::new(Code::QuotaExceeded, text)
                .hint("delete what is not needed, let a lifecycle rule do it, or ask the operator for more"),
            ObjectsError::Lifecycle(error) => Self::lifecycle(*error),
            ObjectsError::Store(error) => Self::store(error),
        }
    }

    fn lifecycle(error: LifecycleError) -> Self {
        let pointer = match error {
            LifecycleError::TooMany { .. } => "/lifecycle".to_owned(),
            LifecycleError::Id { index } | LifecycleError::IdTwice { index } => {
                format!("/lifecycle/{index}/id")
            }
            LifecycleError::Prefix { index } => format!("/lifecycle/{index}/prefix"),
            LifecycleError::Days { index, .. } | LifecycleError::Nothing { index } => {
                format!("/lifecycle/{index}")
            }
        };
        Self::field(&pointer, error.to_string())
    }
}
