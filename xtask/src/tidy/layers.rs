//! A crate uses only crates of lower layers, so engines never use engines. Tests may also use what a crate offers for
//! tests under the feature `test-support`, its own included.

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use super::Finding;

/// Members that are no part of the product. Nothing of the product uses them.
const TOOLS: [&str; 1] = ["xtask"];
const TEST_SUPPORT: &str = "test-support";

/// What the rule looks at in a crate.
struct Crate<'a> {
    name: &'a str,
    layer: Option<u64>,
    uses: Vec<Use<'a>>,
}

struct Use<'a> {
    name: &'a str,
    for_tests: bool,
}

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let packages = metadata.workspace_packages();
    judge(&packages.iter().map(|package| read(package)).collect::<Vec<_>>())
}

fn read(package: &Package) -> Crate<'_> {
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    Crate {
        name: &package.name,
        layer: package.metadata["casemate"]["layer"].as_u64(),
        uses: ours
            .map(|dependency| Use { name: &dependency.name, for_tests: is_for_tests(dependency) })
            .collect(),
    }
}

fn is_for_tests(dependency: &Dependency) -> bool {
    dependency.kind == DependencyKind::Development
        && dependency.features.iter().any(|feature| feature == TEST_SUPPORT)
}

fn judge(crates: &[Crate<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for krate in crates.iter().filter(|krate| !TOOLS.contains(&krate.name)) {
        let Some(layer) = krate.layer else {
            findings.push(Finding::file(krate.name, "it has no `layer` in [package.metadata.casemate]"));
            continue;
        };
        for used in krate.uses.iter().filter(|used| !used.for_tests) {
            let below = crates.iter().find(|other| other.name == used.name).and_then(|other| other.layer);
            if below.is_none_or(|below| below >= layer) {
                let place = below.map_or("no layer".to_owned(), |below| format!("layer {below}"));
                let said = format!("it is in layer {layer} and uses `{}` of {place}", used.name);
                findings.push(Finding::file(krate.name, said));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn layers_hold() {
        assert_eq!(check(&Workspace::find().unwrap().metadata), []);
    }

    #[test]
    fn an_edge_sideways_upwards_or_to_a_tool_is_found() {
        let krate = |name, layer, uses: &[(&'static str, bool)]| Crate {
            name,
            layer,
            uses: uses.iter().map(|&(name, for_tests)| Use { name, for_tests }).collect(),
        };
        let crates = [
            krate("model", Some(0), &[("model", true)]),
            krate("names", Some(2), &[("model", false), ("tasks", true)]),
            krate("tasks", Some(2), &[("names", false), ("cli", false), ("xtask", false)]),
            krate("cli", Some(6), &[("names", false)]),
            krate("stray", None, &[]),
            krate("xtask", None, &[("cli", false)]),
        ];
        let found: Vec<String> = judge(&crates).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "tasks: it is in layer 2 and uses `names` of layer 2",
                "tasks: it is in layer 2 and uses `cli` of layer 6",
                "tasks: it is in layer 2 and uses `xtask` of no layer",
                "stray: it has no `layer` in [package.metadata.casemate]",
            ]
        );
    }
}
