//! Work that is put off names its issue: `TODO(#12)`.

use super::{Finding, numbered};
use crate::tree::Tree;

/// Written in two parts, so that the rule does not find itself.
const WORDS: [(&str, &str); 3] = [("TO", "DO"), ("FIX", "ME"), ("XX", "X:")];
const SOURCES: [&str; 9] = [".rs", ".js", ".mjs", ".css", ".c", ".py", ".sh", ".sql", ".toml"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| SOURCES.iter().any(|end| path.ends_with(end))) {
        for (number, line) in numbered(text) {
            for word in WORDS.map(|(start, end)| format!("{start}{end}")) {
                if line.match_indices(&word).any(|(at, _)| !names_issue(&line[at + word.len()..])) {
                    findings.push(Finding::line(
                        path,
                        number,
                        format!("`{word}` names no issue: write `{word}(#12)`"),
                    ));
                }
            }
        }
    }
    findings
}

fn names_issue(rest: &str) -> bool {
    let number = rest.strip_prefix("(#").and_then(|rest| rest.split_once(')')).map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_off_work_without_an_issue_is_found() {
        let word = "TO".to_owned() + "DO";
        let text = format!("// {word}(#12): later\n// {word}: some day\n// {word}(me): no\n");
        let lines: Vec<usize> =
            check(&Tree::of(&[("a.rs", &text)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3]);
    }
}
