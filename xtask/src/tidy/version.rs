//! The version stands in the workspace manifest; the changelog's newest heading is that version.

use super::{Finding, numbered};
use crate::tree::Tree;

const CHANGELOG: &str = "CHANGELOG.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let manifest: Option<toml::Table> = tree.text("Cargo.toml").and_then(|text| toml::from_str(text).ok());
    let version = manifest
        .as_ref()
        .and_then(|manifest| manifest.get("workspace")?.get("package")?.get("version")?.as_str());
    let Some(version) = version else {
        return vec![Finding::file("Cargo.toml", "[workspace.package] has no version")];
    };
    let changelog = tree.text(CHANGELOG).unwrap_or_default();
    let newest = numbered(changelog).find_map(|(number, line)| Some((number, line.strip_prefix("## ")?)));
    match newest {
        None => vec![Finding::file(CHANGELOG, "it has no heading of a version")],
        Some((_, heading)) if heading.split_whitespace().next() == Some(version) => Vec::new(),
        Some((number, heading)) => {
            vec![Finding::line(
                CHANGELOG,
                number,
                format!("the newest heading is `{heading}`, the version is {version}"),
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_that_lags_behind_is_found() {
        let check_with = |changelog: &str| {
            check(&Tree::of(&[
                ("Cargo.toml", "[workspace.package]\nversion = \"0.2.0\"\n"),
                (CHANGELOG, changelog),
            ]))
        };
        assert_eq!(check_with("# Changelog\n\n## 0.2.0 (unreleased)\n\n## 0.1.0\n"), []);
        assert_eq!(
            check_with("# Changelog\n\n## 0.1.0\n"),
            [Finding::line(CHANGELOG, 3, "the newest heading is `0.1.0`, the version is 0.2.0")]
        );
        assert_eq!(check_with(""), [Finding::file(CHANGELOG, "it has no heading of a version")]);
    }
}
