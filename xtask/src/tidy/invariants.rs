//! Each `Invariant:` of ARCHITECTURE.md names a test that exists, and so does each boundary of the threat model, or it
//! says "none yet".

use super::{Finding, numbered};
use crate::tree::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";
const THREAT_MODEL: &str = "docs/threat-model.md";
/// A line with an attribute that makes a function a test stands at most so far above it.
const ATTRIBUTE_LINES: usize = 6;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.text(DOCUMENT) else {
        return vec![Finding::file(DOCUMENT, "there is none")];
    };
    let mut findings = Vec::new();
    for (number, line) in numbered(document).filter(|(_, line)| line.starts_with("- Invariant:")) {
        match named_test(line) {
            None => findings.push(Finding::line(
                DOCUMENT,
                number,
                "the invariant names no test: end with (`test_name`)",
            )),
            Some(name) if !is_test(tree, name) => {
                findings.push(Finding::line(DOCUMENT, number, format!("there is no test `{name}`")));
            }
            Some(_) => {}
        }
    }
    if !document.contains("Invariant:") {
        findings.push(Finding::file(DOCUMENT, "it states no invariant"));
    }
    findings.extend(check_boundaries(tree));
    findings
}

/// Rows of boundaries begin with `| TB1 …`; their last cell names tests.
fn check_boundaries(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let document = tree.text(THREAT_MODEL).unwrap_or_default();
    for (number, line) in numbered(document).filter(|(_, line)| line.starts_with("| TB")) {
        let cell = line.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> =
            cell.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')).collect();
        if named.is_empty() && !cell.contains("none yet") {
            findings.push(Finding::line(
                THREAT_MODEL,
                number,
                "the boundary names no test, nor says \"none yet\"",
            ));
        }
        for name in named.into_iter().filter(|name| !is_test(tree, name)) {
            findings.push(Finding::line(THREAT_MODEL, number, format!("there is no test `{name}`")));
        }
    }
    findings
}

fn named_test(line: &str) -> Option<&str> {
    line.trim_end().strip_suffix("`)")?.rsplit_once("(`").map(|(_, name)| name)
}

fn is_test(tree: &Tree, name: &str) -> bool {
    let signature = format!("fn {name}(");
    tree.ending(".rs").any(|(_, text)| {
        let lines: Vec<&str> = text.lines().collect();
        let here = lines.iter().position(|line| line.contains(&signature));
        here.is_some_and(|at| {
            lines[at.saturating_sub(ATTRIBUTE_LINES)..at].iter().any(|line| is_attribute(line))
        })
    })
}

fn is_attribute(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("#[test]") || (line.starts_with("#[") && line.contains("::test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invariant_without_its_test_is_found() {
        let document = "- Invariant: a. (`held`)\n- Invariant: b. (`gone`)\n- Invariant: c.\n- Invariant: d. (`plain`)\n";
        let code = "#[tokio::test]\nasync fn held() {}\n\n\n\n\n\n\n\nfn plain() {}\n";
        let found: Vec<String> = check(&Tree::of(&[(DOCUMENT, document), ("a.rs", code)]))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "ARCHITECTURE.md:2: there is no test `gone`",
                "ARCHITECTURE.md:3: the invariant names no test: end with (`test_name`)",
                "ARCHITECTURE.md:4: there is no test `plain`",
            ]
        );
    }

    #[test]
    fn a_boundary_without_its_test_is_found() {
        let model = "| TB1 | c | `held`, `console/tests` |\n| TB2 | c | `gone` |\n| TB3 | c | none yet |\n| TB4 | c | |\n";
        let files = [
            (DOCUMENT, "- Invariant: a. (`held`)\n"),
            (THREAT_MODEL, model),
            ("a.rs", "#[test]\nfn held() {}\n"),
        ];
        let found: Vec<String> = check(&Tree::of(&files)).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/threat-model.md:2: there is no test `gone`",
                "docs/threat-model.md:4: the boundary names no test, nor says \"none yet\"",
            ]
        );
    }
}
