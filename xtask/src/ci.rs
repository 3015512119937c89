//! The steps of `cargo xtask ci`, in order. The first failure ends the run and names the command that repeats it.

use std::time::{Duration, Instant};

use crate::error::XtaskError;
use crate::workspace::{Workspace, run as run_command};
use crate::{guests, tidy};

struct Step {
    name: &'static str,
    run: fn(&Workspace, &mut Skips) -> Result<(), XtaskError>,
}

/// Quick checks stand first. `build` stands after `test` because both leave a `casemate` in the target directory, and
/// the journeys drive the one that users get.
const STEPS: &[Step] = &[
    Step { name: "fmt", run: |workspace, _| run_command(&mut workspace.cargo(&["fmt", "--all", "--check"])) },
    Step { name: "tidy", run: |workspace, _| tidy::run(workspace) },
    Step { name: "lint", run: lint },
    Step { name: "guests", run: |workspace, _| guests::build(workspace) },
    Step { name: "test", run: test },
    Step { name: "doc", run: doc },
    Step { name: "deny", run: deny },
    Step { name: "build", run: |workspace, _| run_command(&mut workspace.cargo(&BUILD)) },
    Step { name: "console", run: console },
    Step { name: "acceptance", run: acceptance },
];

/// The same selection as `make run`, so that both share their build.
const BUILD: [&str; 4] = ["build", "--locked", "--package", "casemate-cli"];

/// As the workspace was built for the other tests, so that nothing is built again.
const CORRUPTIONS: [&str; 6] =
    ["nextest", "run", "--locked", "--workspace", "--filterset", "test(no_wrong_byte_is_served)"];

/// What Python DeltaGlider is compared with.
const INTEROP_EXAMPLE: [&str; 8] =
    ["build", "--locked", "--package", "casemate-remote", "--example", "dg", "--features", "test-support"];

/// A person who sets a variable of this beginning leaves tests out, and the summary says so.
const SKIP_PREFIX: &str = "CASEMATE_TEST_SKIP_";

/// What was not checked, and why. Nothing is left out without standing here.
struct Skips(Vec<String>);

/// Runs the steps that are named, or all.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<(), XtaskError> {
    let steps = choose(names)?;
    let mut skips = Skips(Vec::new());
    let mut times = Vec::new();
    for step in steps {
        println!("\n== {}", step.name);
        let began = Instant::now();
        (step.run)(workspace, &mut skips)
            .map_err(|source| XtaskError::Step { step: step.name, source: Box::new(source) })?;
        let took = began.elapsed();
        println!("== {} passed in {}", step.name, seconds(took));
        times.push((step.name, took));
    }
    summarise(&times, &skips);
    Ok(())
}

/// The names of the steps, for messages.
pub(crate) fn step_names() -> String {
    STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ")
}

fn choose(names: &[String]) -> Result<Vec<&'static Step>, XtaskError> {
    if names.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    let find = |name: &String| STEPS.iter().find(|step| step.name == name.as_str());
    names.iter().map(|name| find(name).ok_or_else(|| XtaskError::UnknownStep(name.clone()))).collect()
}

fn summarise(times: &[(&str, Duration)], skips: &Skips) {
    let total = times.iter().map(|(_, took)| *took).sum();
    println!("\n{} steps passed in {}:", times.len(), seconds(total));
    for (name, took) in times {
        println!("  {name:<8} {}", seconds(*took));
    }
    println!("{} things skipped", skips.0.len());
    for skip in &skips.0 {
        println!("  skipped: {skip}");
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn lint(workspace: &Workspace, _: &mut Skips) -> Result<(), XtaskError> {
    run_command(&mut workspace.cargo(&[
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))
}

fn test(workspace: &Workspace, skips: &mut Skips) -> Result<(), XtaskError> {
    for (variable, value) in std::env::vars() {
        if variable.starts_with(SKIP_PREFIX) && value == "1" {
            skips.0.push(format!("tests, because {variable}=1"));
        }
    }
    run_command(&mut workspace.cargo(&["nextest", "run", "--locked", "--workspace"]))
}

fn doc(workspace: &Workspace, _: &mut Skips) -> Result<(), XtaskError> {
    let mut command = workspace.cargo(&["doc", "--locked", "--workspace", "--no-deps", "--quiet"]);
    run_command(command.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Advisories are checked when their database is on the machine. It is never fetched from here, so that the same commit
/// gives the same result with and without a network.
fn deny(workspace: &Workspace, skips: &mut Skips) -> Result<(), XtaskError> {
    const ALWAYS: &[&str] = &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    const ADVISORIES: &[&str] = &["check", "advisories"];
    let check = |what: &[&str]| run_command(workspace.cargo(&["deny", "--offline", "--locked"]).args(what));
    check(ALWAYS)?;
    let databases = cargo_home(workspace).join("advisory-dbs");
    // Beside them there may be a lock file, which a fetch without a network leaves.
    if databases.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())))
    }) {
        return check(ADVISORIES);
    }
    skips
        .0
        .push("advisories, because their database is not on this machine: `cargo deny fetch db`".to_owned());
    Ok(())
}

fn cargo_home(workspace: &Workspace) -> std::path::PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(Into::into);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_else(|| workspace.root().to_owned())
}

/// The console's unit tests and its journeys in a real browser.
fn console(workspace: &Workspace, _: &mut Skips) -> Result<(), XtaskError> {
    let console = workspace.root().join("console");
    if needs_packages(&console) {
        let mut npm = workspace.command("npm");
        run_command(npm.current_dir(&console).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    }
    let mut node = workspace.command("node");
    let binary = workspace.target().join("debug/casemate");
    run_command(node.current_dir(&console).arg("tests/run.mjs").env("CASEMATE_BIN", binary))
}

/// The parts of `make acceptance` that say nothing about time: programs that others built, and a short kill loop.
fn acceptance(workspace: &Workspace, skips: &mut Skips) -> Result<(), XtaskError> {
    let binary = workspace.target().join("debug/casemate");
    let modules = workspace.target().join("third-party");
    let python = |script: &str| {
        let mut command = workspace.command("python3");
        command.arg(workspace.root().join(script));
        command
    };
    run_command(python("examples/third-party/fetch.py").arg(&modules))?;
    run_command(python("tests/acceptance/third_party.py").arg(&binary).arg(&modules))?;
    run_command(&mut workspace.cargo(&INTEROP_EXAMPLE))?;
    let (dg, tools) = (workspace.target().join("debug/examples/dg"), workspace.target().join("deltaglider"));
    run_command(python("tests/acceptance/deltaglider_interop.py").arg(&dg).arg(&tools))?;
    run_command(python("tests/acceptance/s3_conformance.py").arg(&binary).arg("--tools").arg(&tools))?;
    let schemathesis = workspace.target().join("schemathesis");
    run_command(python("tests/acceptance/schemathesis.py").arg(&binary).arg("--tools").arg(&schemathesis))?;
    run_command(python("tests/acceptance/s3_memory.py").arg(&binary))?;
    run_command(python("tests/acceptance/kill_loop.py").arg(&binary).args(["--cycles", "15"]))?;
    run_command(python("tests/acceptance/kill_names.py").arg(&binary).args(["--points", "20"]))?;
    run_command(python("tests/acceptance/kill_s3.py").arg(&binary).args(["--cycles", "8"]))?;
    run_command(python("tests/acceptance/kill_refresh.py").arg(&binary).args(["--cycles", "40"]))?;
    run_command(python("tests/acceptance/planted_secrets.py").arg(&binary))?;
    run_command(python("tests/acceptance/federated.py").arg(&binary))?;
    run_command(workspace.cargo(&CORRUPTIONS).env("CASEMATE_TEST_CORRUPTIONS", "100000"))?;
    // A file system to fill is mounted in a namespace, which not every machine lets everybody make.
    let can_mount = python("tests/acceptance/disk_full.py").arg("--can-mount").status();
    if !can_mount.is_ok_and(|status| status.success()) {
        skips.0.push(
            "a full disk, because no namespace to mount in can be made: `unshare --mount` says why"
                .to_owned(),
        );
        return Ok(());
    }
    run_command(python("tests/acceptance/disk_full.py").arg(&binary))?;
    run_command(python("tests/acceptance/disk_storm.py").arg(&binary).args(["--rounds", "3"]))
}

/// npm leaves a file beside what it installed; packages are stale when the lock file is younger.
fn needs_packages(console: &std::path::Path) -> bool {
    let changed = |file: &str| console.join(file).metadata().and_then(|found| found.modified());
    match (changed("package-lock.json"), changed("node_modules/.package-lock.json")) {
        (Ok(wanted), Ok(installed)) => wanted > installed,
        (wanted, _) => wanted.is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_run_unless_some_are_named() {
        let names = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|&name| name.to_owned()).collect();
            choose(&given).map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["tidy", "fmt"]).unwrap(), ["tidy", "fmt"]);
        let error = names(&["tidi"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no step `tidi`: the steps are fmt, tidy, "), "{error}");
    }
}
