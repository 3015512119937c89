//! Where things are on this machine. The only place of the client that reads the environment by itself.

use std::collections::BTreeMap;
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

/// A path below the home directory, if there is one.
pub(crate) fn in_home(relative: &str) -> Option<PathBuf> {
    directory_in("HOME").map(|home| home.join(relative))
}

/// The configuration file that the environment names.
pub(crate) fn config_file() -> Option<PathBuf> {
    variables_beginning("CASEMATE_CONFIG")
        .remove("CASEMATE_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// The user's directory for caches, which other programs use too.
pub(crate) fn cache_home() -> Option<PathBuf> {
    directory_in("XDG_CACHE_HOME").or_else(|| in_home(".cache"))
}

/// The machine's directory for temporary files.
pub(crate) fn temporary_directory() -> PathBuf {
    directory_in("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// The variables whose names begin so. Those that are no text are nobody's settings.
#[expect(clippy::disallowed_methods, reason = "the tools of a store leave their settings in the environment")]
pub(crate) fn variables_beginning(prefix: &str) -> BTreeMap<String, String> {
    let variables = std::env::vars_os();
    let texts =
        variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(|(name, _)| name.starts_with(prefix)).collect()
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
