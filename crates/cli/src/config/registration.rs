use casemate_control::Registration;

use super::{ConfigError, Written, bad};

/// Who may become a user.
pub(super) fn of(written: &Written) -> Result<Registration, ConfigError> {
    let role = &written.registration_role;
    match written.registration.as_str() {
        "off" => Ok(Registration::Off),
        "invited" => Ok(Registration::Invited),
        "open" => match role.parse() {
            Ok(role) => Ok(Registration::Open(role)),
            Err(_) => Err(bad("registration_role", role, "a role, such as viewer")),
        },
        other => Err(bad("registration", other, "off, invited or open")),
    }
}
