//! Where things are on this machine. The only place of the client that reads the environment by itself.

use std::path::PathBuf;

use crate::report::CliError;

/// The data directory of a node that was told none.
pub(crate) fn default_data_directory() -> Result<PathBuf, CliError> {
    below("XDG_DATA_HOME", ".local/share")
}

/// Where the client remembers what it saw.
pub(crate) fn state_directory() -> Result<PathBuf, CliError> {
    below("XDG_STATE_HOME", ".local/state")
}

/// Our directory below the one that `variable` names, or below the home directory. Relative values are ignored, as
/// the XDG rules say.
fn below(variable: &'static str, in_home: &str) -> Result<PathBuf, CliError> {
    if let Some(base) = directory_in(variable) {
        return Ok(base.join("casemate"));
    }
    let home = directory_in("HOME").ok_or(CliError::NoHome { variable })?;
    Ok(home.join(in_home).join("casemate"))
}

#[expect(clippy::disallowed_methods, reason = "the home directory is known from the environment alone")]
fn directory_in(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
