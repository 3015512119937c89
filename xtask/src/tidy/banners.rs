//! No comment is a line of ornament.

use super::{Finding, numbered};
use crate::tree::Tree;

const MARKS: [char; 6] = ['=', '-', '*', '#', '~', '/'];
const COMMENTED: [(&str, &[&str]); 8] = [
    (".rs", &["//"]),
    (".js", &["//", "/*"]),
    (".mjs", &["//", "/*"]),
    (".css", &["/*"]),
    (".c", &["//", "/*"]),
    (".py", &["#"]),
    (".sh", &["#"]),
    (".sql", &["--"]),
];
/// As many ornaments in a row make a banner.
const RUN_MIN: usize = 4;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (end, openings) in COMMENTED {
        for (path, text) in tree.ending(end) {
            for (number, line) in numbered(text) {
                if comment(line, openings).is_some_and(is_banner) {
                    findings.push(Finding::line(
                        path,
                        number,
                        "a banner: let names and order structure the file",
                    ));
                }
            }
        }
    }
    findings
}

/// What a plain comment says. Documentation may hold drawings and tables.
fn comment<'a>(line: &'a str, openings: &[&str]) -> Option<&'a str> {
    let line = line.trim();
    if line.starts_with("///") || line.starts_with("//!") || line.starts_with("#!") {
        return line.strip_prefix("///").filter(|rest| rest.starts_with('/'));
    }
    openings.iter().find_map(|opening| line.strip_prefix(opening)).map(str::trim)
}

fn is_banner(text: &str) -> bool {
    let text = text.strip_suffix("*/").unwrap_or(text).trim();
    MARKS.iter().any(|mark| {
        let run = text.len() - text.trim_start_matches(*mark).len();
        run >= RUN_MIN && (run == text.len() || text.ends_with(*mark) || text[run..].starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn ornament_is_found_and_drawings_are_not() {
        assert_eq!(lines("a.rs", "// ======\n// ---- Types ----\n//////////\n"), [1, 2, 3]);
        assert_eq!(lines("a.sql", "-- ----------\nSELECT 1; -- one\n"), [1]);
        assert_eq!(lines("a.css", "/* **** menu **** */\n"), [1]);
        assert_eq!(lines("a.rs", "//! ----------\n/// | a | b |\n// a -> b\n// a reason\n"), [0; 0]);
    }
}
