//! Each crate says in a README what it is for and what it must not know.

use super::Finding;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let crates = tree
        .ending("/Cargo.toml")
        .filter(|(path, _)| path.starts_with("crates/") || *path == "xtask/Cargo.toml");
    let mut findings = Vec::new();
    for (manifest, _) in crates {
        let readme = manifest.replace("Cargo.toml", "README.md");
        match tree.text(&readme) {
            None => findings.push(Finding::file(&readme, "there is none: say what the crate is for")),
            Some(text) if !text.to_lowercase().contains("must not know") => {
                findings.push(Finding::file(&readme, "it does not say what the crate must not know"));
            }
            Some(_) => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_silent_readme_is_found() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", ""),
            ("crates/a/README.md", "It must not know files."),
            ("crates/b/Cargo.toml", ""),
            ("crates/b/README.md", "b"),
            ("crates/c/Cargo.toml", ""),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/b/README.md: it does not say what the crate must not know",
                "crates/c/README.md: there is none: say what the crate is for"
            ]
        );
    }
}
