use casemate_server::Origin;

use super::{ConfigError, bad};

/// Most origins that may be listed; each request from a page is compared with each.
const ORIGINS_MAX: usize = 64;

/// Reads the origins of pages that may use the API.
pub(super) fn origins(texts: &[String]) -> Result<Vec<Origin>, ConfigError> {
    let key = "cors_origins";
    if texts.len() > ORIGINS_MAX {
        return Err(bad(key, &format!("{} origins", texts.len()), "64 of them at most"));
    }
    let expected = "exact origins as browsers write them, such as https://app.example.org: no path, no wildcard, not null, \
                    the port only if it is not the usual one";
    texts.iter().map(|text| text.parse().map_err(|_| bad(key, text, expected))).collect()
}
