//! Every test file is compiled, into one binary per crate, and no test is left out in silence.

use super::{Finding, numbered};
use crate::tree::Tree;

/// `crates/name`: a folder `tests` deeper down belongs to a module.
const CRATE_DEPTH: usize = 2;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for (number, line) in numbered(text) {
            if line.trim_start().starts_with("#[ignore") {
                findings.push(Finding::line(path, number, "an ignored test: run it, or delete it"));
            }
        }
        let Some((krate, file)) = path.split_once("/tests/") else { continue };
        if krate.split('/').count() != CRATE_DEPTH || !krate.starts_with("crates/") {
            continue;
        }
        match file.rsplit_once('/') {
            None => findings
                .push(Finding::file(path, "a second test binary: move it into tests/it and name it there")),
            Some((folder, name)) if !is_reached(tree, krate, folder, name) => {
                findings.push(Finding::file(path, "no module names this file, so its tests never run"));
            }
            Some(_) => {}
        }
    }
    findings
}

/// A file of `tests/it` is named by `main.rs`; one of `tests/it/foo` by `foo.rs`.
fn is_reached(tree: &Tree, krate: &str, folder: &str, name: &str) -> bool {
    if folder == "it" && name == "main.rs" {
        return true;
    }
    let parent = if folder == "it" { "it/main.rs".to_owned() } else { format!("{folder}.rs") };
    let declaration = format!("mod {};", name.trim_end_matches(".rs"));
    let text = tree.text(&format!("{krate}/tests/{parent}")).unwrap_or_default();
    text.lines().any(|line| line.trim().ends_with(&declaration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_runs_is_found() {
        let ignored = format!("#[{}]\nfn a() {{}}\n", "ignore");
        let tree = Tree::of(&[
            ("crates/a/tests/it/main.rs", "mod one;\npub(crate) mod group;\n"),
            ("crates/a/tests/it/one.rs", &ignored),
            ("crates/a/tests/it/group.rs", "mod inner;\n"),
            ("crates/a/tests/it/group/inner.rs", ""),
            ("crates/a/tests/it/lost.rs", ""),
            ("crates/a/tests/second.rs", ""),
            ("crates/a/src/verify/tests/cases.rs", ""),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/a/tests/it/lost.rs: no module names this file, so its tests never run",
                "crates/a/tests/it/one.rs:1: an ignored test: run it, or delete it",
                "crates/a/tests/second.rs: a second test binary: move it into tests/it and name it there",
            ]
        );
    }
}
