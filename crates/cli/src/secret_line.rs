//! Secrets that somebody types, or that come by standard input.

use std::io::{self, BufRead, IsTerminal, Read};

use zeroize::Zeroizing;

use crate::report::CliError;

/// Most bytes of a secret that comes by standard input.
const LINE_BYTES_MAX: u64 = 4_096;

/// Asks for a secret on the terminal, without showing what is typed; or reads a line of standard input.
pub(crate) fn secret_line(prompt: &str) -> Result<Zeroizing<String>, CliError> {
    let failed = |source| CliError::Input { what: "the password".to_owned(), source };
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(failed);
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line).map_err(failed)?;
    let kept = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(kept);
    Ok(line)
}

/// Asks for a new password, twice on a terminal, as nobody sees what is typed.
pub(crate) fn new_password() -> Result<Zeroizing<String>, CliError> {
    let password = secret_line("New password: ")?;
    if io::stdin().is_terminal() && *secret_line("Once more: ")? != *password {
        return Err(CliError::PasswordsDiffer);
    }
    Ok(password)
}
