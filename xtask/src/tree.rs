use std::collections::BTreeMap;
use std::path::Path;

use crate::error::XtaskError;
use crate::workspace::{Workspace, output_of};

/// The files of the repository: what is tracked, and what is new and not ignored. Paths are relative, with slashes.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    texts: BTreeMap<String, String>,
    others: Vec<String>,
}

impl Tree {
    /// Reads the work tree.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, XtaskError> {
        let listed = output_of(workspace.command("git").args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]))?;
        let mut tree = Self::default();
        for path in listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            let path = String::from_utf8_lossy(path).into_owned();
            tree.add_file(workspace.root(), path)?;
        }
        Ok(tree)
    }

    fn add_file(&mut self, root: &Path, path: String) -> Result<(), XtaskError> {
        let full = root.join(&path);
        match std::fs::read(&full) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => drop(self.texts.insert(path, text)),
                Err(_) => self.others.push(path),
            },
            // Tracked, and deleted or moved in the work tree.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(XtaskError::File { what: "read", path: full, source }),
        }
        Ok(())
    }

    /// A tree of a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { texts: files.iter().map(own).collect(), others: Vec::new() }
    }

    /// Every text file, in the order of their paths.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Text files whose path ends like this.
    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(end))
    }

    /// Every file, text or not.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str).chain(self.others.iter().map(String::as_str))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Tells whether there is such a file, or such a directory with files in it.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let directory = format!("{path}/");
        path.is_empty() || self.paths().any(|held| held == path || held.starts_with(&directory))
    }
}
