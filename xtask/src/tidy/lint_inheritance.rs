//! Each crate inherits the lints of the workspace, and its version.

use super::Finding;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let members = tree
        .ending("Cargo.toml")
        .filter(|(path, _)| path.starts_with("crates/") || path.starts_with("xtask/"));
    for (path, text) in members {
        let Ok(manifest) = toml::from_str::<toml::Table>(text) else {
            findings.push(Finding::file(path, "it is not TOML"));
            continue;
        };
        if !inherits(&manifest, "lints", None) {
            findings.push(Finding::file(path, "say `[lints]` and `workspace = true`"));
        }
        if !inherits(&manifest, "package", Some("version")) {
            findings
                .push(Finding::file(path, "say `version.workspace = true`: the version stands in one place"));
        }
    }
    findings
}

fn inherits(manifest: &toml::Table, table: &str, key: Option<&str>) -> bool {
    let value = manifest.get(table).and_then(|value| match key {
        Some(key) => value.get(key),
        None => Some(value),
    });
    value.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_goes_its_own_way_is_found() {
        let good = "[package]\nversion.workspace = true\n[lints]\nworkspace = true\n";
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", good),
            ("crates/b/Cargo.toml", "[package]\nversion = \"1.0.0\"\n"),
            ("crates/c/Cargo.toml", "["),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/b/Cargo.toml: say `[lints]` and `workspace = true`",
                "crates/b/Cargo.toml: say `version.workspace = true`: the version stands in one place",
                "crates/c/Cargo.toml: it is not TOML",
            ]
        );
    }
}
