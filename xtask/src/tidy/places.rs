//! Nothing in the repository names a place that only its writer has: a directory of one machine, a host that packages
//! come from. Both would be wrong for everybody else.

use super::{Finding, numbered};
use crate::tree::Tree;

/// Written in two parts, so that the rule does not find itself.
const PLACES: [(&str, &str); 7] = [
    ("/wor", "k/"),
    ("index.cra", "tes.io"),
    ("static.cra", "tes.io"),
    ("registry.npm", "js.org"),
    ("pypi", ".org"),
    ("deb.deb", "ian.org"),
    ("sh.rust", "up.rs"),
];
/// Lock files name their registries by necessity.
const EXEMPT: [&str; 3] = ["Cargo.lock", "fuzz/Cargo.lock", "bench/Cargo.lock"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| !EXEMPT.contains(path)) {
        for (number, line) in numbered(text) {
            for place in PLACES.map(|(start, end)| format!("{start}{end}")) {
                if line.match_indices(&place).any(|(at, _)| is_absolute(&line[..at], &place)) {
                    findings.push(Finding::line(
                        path,
                        number,
                        format!("it names `{place}`, which others may not have"),
                    ));
                }
            }
        }
    }
    findings
}

/// A directory in the middle of a longer path is no place of its own.
fn is_absolute(before: &str, place: &str) -> bool {
    let inside = |last: char| last.is_alphanumeric() || matches!(last, '.' | '-' | '_' | '}' | ')');
    !place.starts_with('/') || !before.ends_with(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_and_a_longer_path_is_not() {
        let text = format!(
            "cd {0}main\nsrc{0}file\nsee {1}\n",
            "/wor".to_owned() + "k/",
            "pypi".to_owned() + ".org"
        );
        let lines: Vec<usize> =
            check(&Tree::of(&[("a.md", &text)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
