//! Relative links in documents lead to files that exist.

use super::{Finding, numbered};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        let mut fenced = false;
        for (number, line) in numbered(text) {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for target in targets(line).filter(|target| is_relative(target)) {
                let file = target.split('#').next().unwrap_or(target);
                match resolve(path, file) {
                    Some(resolved) if tree.holds(&resolved) => {}
                    Some(_) | None => {
                        findings.push(Finding::line(
                            path,
                            number,
                            format!("the link to `{target}` leads nowhere"),
                        ));
                    }
                }
            }
        }
    }
    findings
}

/// What the `](…)` of a line point at.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn is_relative(target: &str) -> bool {
    !target.is_empty()
        && !target.contains("://")
        && !target.starts_with('#')
        && !target.starts_with("mailto:")
}

/// The path that a link of `document` means, or nothing if it leaves the repository.
fn resolve(document: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let text = "[a](b.md) [c](../README.md#top) [d](gone.md) [e](https://example.org/x) [f](#here) [g](../..)\n\
                    ```\n[h](nowhere)\n```\n[i](../docs/)\n";
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]);
        assert_eq!(
            check(&tree),
            [
                Finding::line("docs/a.md", 1, "the link to `gone.md` leads nowhere"),
                Finding::line("docs/a.md", 1, "the link to `../..` leads nowhere"),
            ]
        );
    }
}
