//! Each dependency of the workspace says why it is there.

use super::{Finding, numbered};
use crate::tree::Tree;

const MANIFEST: &str = "Cargo.toml";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(manifest) = tree.text(MANIFEST) else {
        return vec![Finding::file(MANIFEST, "there is none")];
    };
    let mut findings = Vec::new();
    let mut inside = false;
    for (number, line) in numbered(manifest) {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        }
        let name = line.split(['=', '.']).next().unwrap_or_default().trim();
        let foreign =
            inside && line.contains('=') && !line.starts_with('#') && !name.starts_with("casemate-");
        if foreign && !line.contains(" # ") {
            findings.push(Finding::line(
                MANIFEST,
                number,
                format!("`{name}` has no reason: end the line with `# why`"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text = "[workspace.package]\nversion = \"1\"\n[workspace.dependencies]\n# group\ncasemate-a = { path = \"a\" }\n\
                    good = \"1\"  # typed errors\nbad = \"1\"\n[profile.dev]\ndebug = 1\n";
        assert_eq!(
            check(&Tree::of(&[(MANIFEST, text)])),
            [Finding::line(MANIFEST, 7, "`bad` has no reason: end the line with `# why`")]
        );
    }
}
