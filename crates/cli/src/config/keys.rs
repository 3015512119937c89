use std::path::PathBuf;

use casemate_encryption::MasterKey;
use zeroize::Zeroizing;

use super::{ConfigError, FILE_BYTES_MAX, bad};

/// The key that a file holds, if one is named.
pub(super) fn master_key(key: &'static str, file: &str) -> Result<Option<MasterKey>, ConfigError> {
    if file.is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(file);
    let bytes =
        Zeroizing::new(casemate_fs::read_secret_file(&path, FILE_BYTES_MAX).map_err(ConfigError::File)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| ConfigError::NotText { path })?;
    let expected = "a file of 64 hexadecimal digits, as `openssl rand -hex 32` makes them";
    MasterKey::parse(text).map(Some).map_err(|_| bad(key, file, expected))
}
