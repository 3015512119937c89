use std::io::ErrorKind;

use casemate_api::{ClientError, ProblemCode};
use casemate_fs::FsError;

use super::CliError;

impl CliError {
    /// Whether it is a matter of the one file or object that was at hand, so that the next one may fare better.
    pub(crate) fn is_of_one_file(&self) -> bool {
        match self {
            Self::DeltaGlider(error) => error.is_of_one_object(),
            Self::Bucket(error) => error.is_of_one_object(),
            Self::File(error) => !matches!(error, FsError::NoSpace { .. }),
            Self::Write { source, .. } => {
                !matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
            }
            Self::Client(ClientError::Problem(problem)) => is_of_one_object(problem.code),
            Self::Client(ClientError::Source { .. })
            | Self::UnsafeName { .. }
            | Self::Address(_)
            | Self::RemoteAddress(_)
            | Self::ContentDiffers { .. }
            | Self::ContentLost { .. }
            | Self::Input { .. }
            | Self::PathNotText { .. } => true,
            _ => false,
        }
    }
}

fn is_of_one_object(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::NotFound
            | ProblemCode::InvalidParameter
            | ProblemCode::InvalidBody
            | ProblemCode::Conflict
            | ProblemCode::BodyTooLarge
            | ProblemCode::DigestMismatch
            | ProblemCode::UploadBroken
            | ProblemCode::CorruptObject
    )
}
