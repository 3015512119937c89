//! Both databases take the same steps: migrations are paired by number and name, without gaps.

use std::collections::BTreeSet;

use super::Finding;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let sqlite = names(tree, "migrations/sqlite/");
    let postgres = names(tree, "migrations/postgres/");
    let mut findings = Vec::new();
    for name in sqlite.symmetric_difference(&postgres) {
        let missing = if sqlite.contains(name) { "postgres" } else { "sqlite" };
        findings.push(Finding::file(
            &format!("migrations/{missing}/{name}"),
            "the other database has it, this one not",
        ));
    }
    for (index, name) in sqlite.union(&postgres).enumerate() {
        let number = format!("{:04}_", index + 1);
        if !name.starts_with(&number) {
            findings.push(Finding::file(
                &format!("migrations/{{sqlite,postgres}}/{name}"),
                format!("its number should be {number}"),
            ));
            break;
        }
    }
    findings
}

fn names<'a>(tree: &'a Tree, folder: &'a str) -> BTreeSet<&'a str> {
    tree.ending(".sql").filter_map(|(path, _)| path.strip_prefix(folder)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<String> {
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (*path, "")).collect();
        check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_unpaired_or_skipped_number_is_found() {
        assert_eq!(found(&["migrations/sqlite/0001_a.sql", "migrations/postgres/0001_a.sql"]), [""; 0]);
        assert_eq!(
            found(&["migrations/sqlite/0001_a.sql"]),
            ["migrations/postgres/0001_a.sql: the other database has it, this one not"]
        );
        assert_eq!(
            found(&["migrations/sqlite/0002_a.sql", "migrations/postgres/0002_a.sql"]),
            ["migrations/{sqlite,postgres}/0002_a.sql: its number should be 0001_"]
        );
    }
}
