//! No emoji, in code or documents. Tests may feed some to what must cope with any text.

use super::{Finding, numbered};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in
        tree.texts().filter(|(path, _)| !path.contains("/tests/") && !path.ends_with("/tests.rs"))
    {
        for (number, line) in numbered(text) {
            if let Some(found) = line.chars().find(|symbol| is_emoji(*symbol)) {
                findings.push(Finding::line(path, number, format!("an emoji, U+{:04X}", u32::from(found))));
            }
        }
    }
    findings
}

/// Pictures, and the mark that turns a symbol into one. Arrows, dashes and check marks of text are fine.
fn is_emoji(symbol: char) -> bool {
    matches!(symbol, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{26FF}' | '\u{FE0F}')
        || matches!(symbol, '\u{2705}' | '\u{2728}' | '\u{274C}' | '\u{2B50}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_and_arrows_are_not() {
        let rocket = "fine → here — too\nrocket \u{1F680}\n";
        let tree = Tree::of(&[("a.md", rocket), ("console/tests/a.mjs", rocket)]);
        assert_eq!(check(&tree), [Finding::line("a.md", 2, "an emoji, U+1F680")]);
    }
}
