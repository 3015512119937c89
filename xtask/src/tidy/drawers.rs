//! No file is a drawer for things without a noun, and modules are `foo.rs` beside `foo/`.

use super::Finding;
use crate::tree::Tree;

const DRAWERS: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree.paths() {
        if path.ends_with("/mod.rs") {
            findings.push(Finding::file(path, "modules are `foo.rs` beside `foo/`, not `mod.rs`"));
        }
        let parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        if let Some(drawer) = parts.into_iter().find(|part| is_drawer(part)) {
            findings
                .push(Finding::file(path, format!("`{drawer}` names no thing: give the code to its noun")));
        }
    }
    findings
}

fn is_drawer(stem: &str) -> bool {
    DRAWERS.iter().any(|drawer| stem == *drawer || stem.ends_with(&format!("_{drawer}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawers_are_found_wherever_they_stand() {
        let paths =
            ["crates/a/src/utils.rs", "a/common/x.rs", "a/task_manager.rs", "a/b/mod.rs", "a/uncommon.rs"];
        let tree = Tree::of(&paths.map(|path| (path, "")));
        let found: Vec<String> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["a/b/mod.rs", "a/common/x.rs", "a/task_manager.rs", "crates/a/src/utils.rs"]);
    }
}
