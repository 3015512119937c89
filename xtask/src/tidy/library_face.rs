//! `lib.rs` holds the contract, the module list and the re-exports: 120 lines at most, and no functions.

use super::Finding;
use crate::tree::Tree;

const LINES_MAX: usize = 120;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending("/src/lib.rs") {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(Finding::file(
                path,
                format!("{lines} lines, {LINES_MAX} allowed: move logic into modules"),
            ));
        }
        let logic = syn::parse_file(text).is_ok_and(|file| file.items.iter().any(is_logic));
        if logic {
            findings.push(Finding::file(path, "it holds functions: move them into modules"));
        }
    }
    findings
}

fn is_logic(item: &syn::Item) -> bool {
    matches!(item, syn::Item::Fn(_) | syn::Item::Impl(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_face_and_one_with_logic_are_found() {
        let long = "//! x\n".repeat(121);
        let tree = Tree::of(&[
            ("a/src/lib.rs", &long),
            ("b/src/lib.rs", "fn f() {}\n"),
            ("c/src/lib.rs", "mod a;\n"),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "a/src/lib.rs: 121 lines, 120 allowed: move logic into modules",
                "b/src/lib.rs: it holds functions: move them into modules",
            ]
        );
    }
}
