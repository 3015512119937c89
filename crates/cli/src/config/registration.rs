use casemate_api::BaseUrl;
use casemate_control::Registration;
use casemate_identity::SecondFactor;

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

/// Who must sign in with two factors.
pub(super) fn second_factor(written: &Written) -> Result<SecondFactor, ConfigError> {
    match written.second_factor.as_str() {
        "optional" => Ok(SecondFactor::Optional),
        "admins" => Ok(SecondFactor::Admins),
        "all" => Ok(SecondFactor::All),
        other => Err(bad("second_factor", other, "optional, admins or all")),
    }
}

/// Where browsers reach the console, if that was written.
pub(super) fn console_url(written: &Written) -> Result<Option<String>, ConfigError> {
    let text = &written.console_url;
    if text.is_empty() {
        return Ok(None);
    }
    match BaseUrl::parse(text) {
        Ok(url) => Ok(Some(url.as_str().to_owned())),
        Err(_) => {
            Err(bad("console_url", text, "an address without a path, such as https://casemate.example.org"))
        }
    }
}
