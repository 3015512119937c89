//! `cargo xtask fuzz`: each target for a short time. Fuzzing needs a nightly compiler and cargo-fuzz; without them the
//! targets are counted as skipped, because they are no part of `make test`.

use crate::error::XtaskError;
use crate::workspace::{Workspace, output_of, run as run_command, succeeds};

const SECONDS_DEFAULT: u32 = 20;
const SECONDS_MAX: u32 = 86_400;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), XtaskError> {
    let seconds = match arguments.first() {
        None => SECONDS_DEFAULT,
        Some(text) => parse_seconds(text)?,
    };
    let targets = targets(workspace)?;
    let present = succeeds(&mut workspace.cargo(&["+nightly", "fuzz", "--version"]));
    if !present {
        let reason = "a nightly compiler and cargo-fuzz are needed (`cargo install cargo-fuzz --locked`)";
        println!("skipped: {}, because {reason}", targets.join(", "));
        println!("0 passed, 0 failed, {} skipped", targets.len());
        return Ok(());
    }
    for target in &targets {
        println!("== {target} for {seconds} s");
        run_command(&mut workspace.cargo(&[
            "+nightly",
            "fuzz",
            "run",
            target,
            "--",
            &format!("-max_total_time={seconds}"),
            "-max_len=65536",
            "-timeout=10",
        ]))?;
    }
    println!("{} passed, 0 failed, 0 skipped", targets.len());
    Ok(())
}

fn parse_seconds(text: &str) -> Result<u32, XtaskError> {
    let seconds = text.parse().ok().filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| XtaskError::Seconds(text.to_owned()))
}

/// The names of the targets: one file each.
fn targets(workspace: &Workspace) -> Result<Vec<String>, XtaskError> {
    let listed = output_of(workspace.command("ls").arg("fuzz/fuzz_targets"))?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    Ok(listed.lines().filter_map(|line| line.strip_suffix(".rs")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_a_number_within_a_day() {
        assert_eq!(parse_seconds("60").unwrap(), 60);
        for bad in ["0", "86401", "-1", "soon"] {
            assert_eq!(
                parse_seconds(bad).unwrap_err().to_string(),
                format!("`{bad}` is not a number of seconds from 1 to 86400")
            );
        }
    }
}
