//! Stands in for the node's binary in the sandbox's tests: worker, compiler and jail probe.
#![expect(clippy::disallowed_methods, reason = "it is a program of its own, for tests")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let role = std::env::args().nth(1);
    // Started through a link, it is a worker that misbehaves in the manner of the link's name.
    let name = std::env::args().next().unwrap_or_default();
    let manner = name.rsplit('/').next().unwrap_or_default().strip_prefix("hostile-");
    if let (Some("__worker"), Some(manner)) = (role.as_deref(), manner) {
        return casemate_sandbox::probes::run_hostile_worker_process(manner);
    }
    match role.as_deref() {
        Some("__worker") => casemate_sandbox::run_worker_process(),
        Some("__compiler") => casemate_sandbox::run_compiler_process(),
        Some("__probe") => casemate_sandbox::probes::run_probe_process(),
        _ => ExitCode::from(2),
    }
}
