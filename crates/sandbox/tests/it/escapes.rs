//! The jail with the attacker already inside.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use casemate_sandbox::probes;

/// What a probe said, or the signal that killed it.
fn probe(name: &str, mode: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    let [scratch, outside] = ["scratch", "outside"].map(|name| root.path().join(name));
    for directory in [root.path(), &scratch, &outside] {
        std::fs::create_dir_all(directory).unwrap();
        // Open to everybody, so that it is the jail and not file permissions that deny.
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o777)).unwrap();
    }
    std::fs::write(outside.join("secret"), "secret").unwrap();
    std::fs::set_permissions(outside.join("secret"), PermissionsExt::from_mode(0o666)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_casemate-sandbox-worker"))
        .args(["__probe", name, mode])
        .args([&scratch, &outside])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap_or_default().len() % 6, 0);
    match output.status.signal() {
        Some(libc::SIGSYS) => "denied(killed)".to_owned(),
        Some(signal) => format!("died of signal {signal}"),
        None => {
            let words = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&words).trim().to_owned()
        }
    }
}

#[test]
fn no_probe_gets_out_of_the_jail() {
    let names = probes::names();
    let lines: Vec<String> = names.iter().map(|name| format!("{name}: {}", probe(name, "jailed"))).collect();
    let loose: Vec<&String> = lines.iter().filter(|line| !line.contains(": denied(")).collect();
    assert!(loose.is_empty(), "of {} probes, these were not denied: {loose:#?}", lines.len());
    assert!(lines.len() >= 60, "only {} probes", lines.len());
}

#[test]
fn without_the_jail_the_control_probes_succeed() {
    let failed: Vec<String> = probes::controls()
        .into_iter()
        .map(|name| format!("{name}: {}", probe(name, "open")))
        .filter(|line| !line.ends_with(": SUCCEEDED"))
        .collect();
    assert!(failed.is_empty(), "probes that cannot succeed prove nothing: {failed:#?}");
}

#[test]
fn every_probe_has_its_own_name() {
    let mut names = probes::names();
    let controls = probes::controls();
    assert!(controls.iter().all(|name| names.contains(name)), "{controls:?}");
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
