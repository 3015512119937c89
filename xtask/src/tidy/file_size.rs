//! Source files stay small. A file that is too long already may not grow, and its entry in the ratchet shrinks with it.
//!
//! Counted are lines without the inline tests. 450 is the rule, 1000 the end; inline tests have 150, after that they
//! move to `foo/tests.rs`.

use std::collections::BTreeMap;

use super::{Finding, numbered};
use crate::tree::Tree;

const RATCHET: &str = "xtask/shape-ratchet.toml";
const LINES_MAX: usize = 450;
const LINES_END: usize = 1000;
const INLINE_TEST_LINES_MAX: usize = 150;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut allowed = ratchet(tree, &mut findings);
    for (path, text) in tree.ending(".rs") {
        let (code, tests) = lines(path, text);
        if tests > INLINE_TEST_LINES_MAX {
            let said = format!(
                "{tests} lines of inline tests, {INLINE_TEST_LINES_MAX} allowed: move them to their own file"
            );
            findings.push(Finding::file(path, said));
        }
        let entry = allowed.remove(path);
        if let Some(said) = judge(code, entry) {
            findings.push(Finding::file(path, said));
        }
    }
    let stale = allowed.into_keys().map(|path| format!("`{path}` is gone: remove its entry"));
    findings.extend(stale.map(|said| Finding::file(RATCHET, said)));
    findings
}

fn judge(lines: usize, allowed: Option<usize>) -> Option<String> {
    if lines > LINES_END {
        return Some(format!("{lines} lines, and {LINES_END} is the end: split it by subject"));
    }
    match allowed {
        None if lines > LINES_MAX => Some(format!("{lines} lines, {LINES_MAX} allowed: split it by subject")),
        Some(_) if lines <= LINES_MAX => {
            Some(format!("within {LINES_MAX} lines now: remove its entry in {RATCHET}"))
        }
        Some(allowed) if lines > allowed => Some(format!("grew from {allowed} to {lines} lines")),
        Some(allowed) if lines < allowed => {
            Some(format!("shrank to {lines} lines: lower its entry in {RATCHET}"))
        }
        None | Some(_) => None,
    }
}

/// Lines of code and of inline tests. What is a test as a whole counts as code: it has the same limits.
fn lines(path: &str, text: &str) -> (usize, usize) {
    let all = text.lines().count();
    let inline =
        numbered(text).find(|(_, line)| *line == "mod tests {").map_or(all, |(number, _)| number - 1);
    if path.ends_with("/tests.rs") { (all, 0) } else { (inline, all - inline) }
}

fn ratchet(tree: &Tree, findings: &mut Vec<Finding>) -> BTreeMap<String, usize> {
    let parsed: Result<toml::Table, _> = toml::from_str(tree.text(RATCHET).unwrap_or_default());
    let mut allowed = BTreeMap::new();
    let Ok(table) = parsed else {
        findings.push(Finding::file(RATCHET, "it is not TOML"));
        return allowed;
    };
    for (path, lines) in table.get("lines").and_then(toml::Value::as_table).into_iter().flatten() {
        match lines.as_integer().and_then(|lines| usize::try_from(lines).ok()) {
            Some(lines) => drop(allowed.insert(path.clone(), lines)),
            None => {
                findings.push(Finding::file(RATCHET, format!("the entry of `{path}` is no number of lines")))
            }
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, lines: usize, ratchet: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, &"x\n".repeat(lines)), (RATCHET, ratchet)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_files_are_found_and_the_list_only_shrinks() {
        assert_eq!(found("a.rs", 450, ""), [""; 0]);
        assert_eq!(found("a.rs", 451, ""), ["a.rs: 451 lines, 450 allowed: split it by subject"]);
        let allowed = "[lines]\n\"a.rs\" = 500\n";
        assert_eq!(found("a.rs", 500, allowed), [""; 0]);
        assert_eq!(found("a.rs", 501, allowed), ["a.rs: grew from 500 to 501 lines"]);
        assert_eq!(
            found("a.rs", 480, allowed),
            ["a.rs: shrank to 480 lines: lower its entry in xtask/shape-ratchet.toml"]
        );
        assert_eq!(
            found("a.rs", 400, allowed),
            ["a.rs: within 450 lines now: remove its entry in xtask/shape-ratchet.toml"]
        );
        assert_eq!(found("b.rs", 1, allowed), ["xtask/shape-ratchet.toml: `a.rs` is gone: remove its entry"]);
        assert_eq!(
            found("a.rs", 1001, "[lines]\n\"a.rs\" = 1001\n"),
            ["a.rs: 1001 lines, and 1000 is the end: split it by subject"]
        );
    }

    #[test]
    fn inline_tests_are_counted_apart() {
        let text = format!("{}mod tests {{\n{}", "x\n".repeat(440), "y\n".repeat(150));
        let found = check(&Tree::of(&[("a.rs", &text)]));
        let said = "151 lines of inline tests, 150 allowed: move them to their own file";
        assert_eq!(found, [Finding::file("a.rs", said)]);
    }
}
