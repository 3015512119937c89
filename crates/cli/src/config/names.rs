use casemate_names::Commitments;

use super::{ConfigError, Written, bad};

/// Whether names are committed to before they are claimed.
pub(super) fn commitments(written: &Written) -> Result<Commitments, ConfigError> {
    match written.name_commitments.as_str() {
        "optional" => Ok(Commitments::Optional),
        "required" => Ok(Commitments::Required),
        other => Err(bad("name_commitments", other, "optional or required")),
    }
}
