use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::escape::{escaped_json, escaped_line};
use crate::report::CliError;

/// Data goes to standard output, talk to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    data_on_terminal: bool,
    talk_on_terminal: bool,
    progress: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            data_on_terminal: io::stdout().is_terminal(),
            talk_on_terminal: io::stderr().is_terminal(),
            progress: io::stderr().is_terminal() && !json,
        }
    }

    /// Whether progress is shown: to a person, and not beside data for a program.
    pub(crate) const fn progress(self) -> bool {
        self.progress
    }

    /// The same without progress, for whoever shows it elsewhere or not at all.
    pub(crate) const fn without_progress(self) -> Self {
        Self { progress: false, ..self }
    }

    /// Whether data is wanted as JSON.
    pub(crate) const fn json(self) -> bool {
        self.json
    }

    /// Whether a person watches standard output.
    pub(crate) const fn data_on_terminal(self) -> bool {
        self.data_on_terminal
    }

    /// Whether a person watches standard error.
    pub(crate) const fn talk_on_terminal(self) -> bool {
        self.talk_on_terminal
    }

    /// Writes bytes of data as they are.
    pub(crate) fn data(self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|source| CliError::Output { source })
    }

    /// Writes a line of data. Characters that would steer a terminal are shown instead, wherever it goes now: somebody
    /// may look at it later.
    pub(crate) fn line(self, text: &str) -> Result<(), CliError> {
        self.data(format!("{}\n", escaped_line(text)).as_bytes())
    }

    /// Writes a value as JSON.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), CliError> {
        let mut text = escaped_json(serde_json::to_string_pretty(value).expect("wire types are JSON"));
        text.push('\n');
        self.data(text.as_bytes())
    }

    /// Writes a value as JSON on one line.
    pub(crate) fn value_line(self, value: &impl Serialize) -> Result<(), CliError> {
        let mut text = escaped_json(serde_json::to_string(value).expect("wire types are JSON"));
        text.push('\n');
        self.data(text.as_bytes())
    }

    /// Tells the person something, in one line: what strangers wrote cannot look like another one. Whether anybody listens
    /// does not matter.
    pub(crate) fn note(self, text: &str) {
        drop(writeln!(io::stderr().lock(), "{}", escaped_line(text)));
    }

    /// Tells the person several lines of our own.
    pub(crate) fn notes(self, text: &str) {
        text.split('\n').for_each(|line| self.note(line));
    }

    /// Writes bytes to standard error as they are.
    pub(crate) fn talk(self, bytes: &[u8]) {
        drop(io::stderr().lock().write_all(bytes));
    }
}
