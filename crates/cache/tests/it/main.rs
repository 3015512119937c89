//! What the cache promises, seen from outside: how it works, and that no attack does.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests, some of which act as an attacker on the cache's files"
)]

mod attacks;
mod clearing;
mod corruption;
mod directories;
mod forgeries;
mod migrating;
mod monitoring;
mod working;
mod world;

#[test]
fn every_file_here_is_a_module() {
    // Tests run in the directory of their package, wherever it was when they were built.
    let here = std::path::Path::new("tests/it");
    let text = std::fs::read_to_string(here.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".rs").unwrap();
        assert!(stem == "main" || text.contains(&format!("mod {stem};")), "{name} is in no build");
    }
}
