//! `cargo xtask tidy`: rules about sources, manifests and documents that no other tool knows. One rule a file; each is a
//! function from the tree to its findings, and its own test shows that it can fail.

mod banners;
mod crate_readmes;
mod drawers;
mod emoji;
mod file_size;
mod forgotten_tests;
mod function_size;
mod invariants;
mod layers;
mod library_face;
mod links;
mod lint_inheritance;
mod migrations;
mod places;
mod reasons;
mod todos;
mod version;

use std::fmt;

use crate::error::XtaskError;
use crate::tree::Tree;
use crate::workspace::Workspace;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 when the whole file is meant.
    line: usize,
    text: String,
}

impl Finding {
    fn file(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: 0, text: text.into() }
    }

    fn line(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule that needs only the tree, by the name of its file.
const RULES: &[(&str, Rule)] = &[
    ("banners", banners::check),
    ("crate_readmes", crate_readmes::check),
    ("drawers", drawers::check),
    ("emoji", emoji::check),
    ("file_size", file_size::check),
    ("forgotten_tests", forgotten_tests::check),
    ("function_size", function_size::check),
    ("invariants", invariants::check),
    ("library_face", library_face::check),
    ("links", links::check),
    ("lint_inheritance", lint_inheritance::check),
    ("migrations", migrations::check),
    ("places", places::check),
    ("reasons", reasons::check),
    ("todos", todos::check),
    ("version", version::check),
];

/// Checks every rule and prints what breaks one.
pub(crate) fn run(workspace: &Workspace) -> Result<(), XtaskError> {
    let tree = Tree::read(workspace)?;
    let mut count = 0;
    let by_rule = RULES.iter().map(|(name, rule)| (*name, rule(&tree)));
    for (name, findings) in by_rule.chain([("layers", layers::check(&workspace.metadata))]) {
        count += findings.len();
        for finding in findings {
            println!("{name}: {finding}");
        }
    }
    if count > 0 {
        return Err(XtaskError::Findings(count));
    }
    println!("{} rules hold over {} files", RULES.len() + 1, tree.paths().count());
    Ok(())
}

/// Lines with their numbers, from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_place() {
        assert_eq!(Finding::file("a.rs", "too long").to_string(), "a.rs: too long");
        assert_eq!(Finding::line("a.rs", 7, "a banner").to_string(), "a.rs:7: a banner");
    }
}
