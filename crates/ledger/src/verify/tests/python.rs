//! A verifier that shares no code with this crate must agree with it.
#![allow(clippy::disallowed_methods, reason = "tests")]

use std::path::Path;
use std::process::Command;

use super::*;

const SCRIPT: &str = "tests/verify_log.py";

fn write(files: &Files, directory: &Path) {
    for (path, bytes) in files {
        let file = directory.join(path.to_string());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

/// What the script says, and whether it is content.
fn python(files: &Files, key: &NodePublicKey) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    write(files, directory.path());
    let output = Command::new("python3").arg(SCRIPT).arg(directory.path()).arg(key.to_string()).output();
    let output = output.expect("python3 is part of Debian 12 and of the set-up step");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn an_independent_verifier_agrees() {
    for count in [0, 1, 255, 256, 257, 600] {
        let log = samples::log(count);
        let (content, said) = python(&log.store().files(), key().public_key());
        let expected = format!("{count} {} signature-", log.checkpoint().root().to_hex());
        assert!(content && said.starts_with(&expected), "{said}");
    }
}

#[test]
fn an_independent_verifier_refuses_what_this_one_refuses() {
    let whole = samples::log(300).store().files().clone();
    for (number, changed) in whole.keys().filter(|path| **path != TilePath::Checkpoint).enumerate() {
        let mut files = whole.clone();
        let file = files.get_mut(changed).unwrap();
        // Not in the length of an entry: the script is no parser of hostile files.
        let place = 40 + number;
        let place = place.min(file.len() - 1);
        file[place] ^= 1;
        assert!(check(files.clone(), None).is_err(), "{changed}");
        assert!(!python(&files, key().public_key()).0, "{changed}");
    }
}
