//! Standard input, where a command takes it in place of a file.

use std::io::Read as _;
use std::path::Path;

use crate::report::CliError;

/// What messages call it.
pub(crate) const STDIN: &str = "standard input";

/// Reads a file, or standard input for `-`, up to `bytes_max` bytes. Returns it with what to call it.
pub(crate) fn read_file_or_stdin(file: &Path, bytes_max: u64) -> Result<(String, Vec<u8>), CliError> {
    if file == Path::new("-") {
        return Ok((STDIN.to_owned(), read_stdin(bytes_max)?));
    }
    Ok((file.display().to_string(), casemate_fs::read_config_file(file, bytes_max)?))
}

/// Reads all of standard input, which is at most `bytes_max` bytes.
pub(crate) fn read_stdin(bytes_max: u64) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|source| CliError::Input { what: STDIN.to_owned(), source })?;
    if bytes.len() as u64 > bytes_max {
        return Err(CliError::InputTooLong { bytes_max });
    }
    Ok(bytes)
}
