use std::io::Write;
use std::path::Path;

use crate::binary::User;

const REFERENCE: &str = "../../docs/reference/cli.md";

/// Every help page by its command, found by following the lists of subcommands.
fn pages() -> Vec<(String, String)> {
    let user = User::new();
    let mut pages = Vec::new();
    let mut left = vec![Vec::new()];
    while let Some(path) = left.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let text = user.run(&arguments).text();
        for name in subcommands(&text).into_iter().rev() {
            let mut deeper = path.clone();
            deeper.push(name);
            left.push(deeper);
        }
        let mut command = vec!["casemate".to_owned()];
        command.extend(path);
        pages.push((command.join(" "), text));
    }
    pages
}

fn subcommands(page: &str) -> Vec<String> {
    let listed = page.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = listed.take_while(|line| line.starts_with("  "));
    let names =
        lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_help_page_is_under_review() {
    for (command, text) in pages() {
        insta::assert_snapshot!(command.replace(' ', "_"), text);
    }
}

#[test]
fn every_command_has_examples() {
    for (command, text) in pages() {
        let has_commands = !subcommands(&text).is_empty() && command != "casemate";
        assert!(has_commands || text.contains("\nExamples:\n"), "`{command} --help` has no examples");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test asks for the update")]
fn the_reference_is_the_help() {
    let mut reference = "# Commands\n\nMade from the help pages by a test; do not edit.\n".to_owned();
    for (command, text) in pages() {
        reference.push_str(&format!("\n## {command}\n\n```text\n{}\n```\n", text.trim_end()));
    }
    let path = Path::new(REFERENCE);
    let update = std::env::var_os("CASEMATE_UPDATE_REFERENCE").is_some();
    if update {
        casemate_fs::make_user_dir(path.parent().unwrap()).unwrap();
        let mut file = casemate_fs::create_user_file(path).unwrap();
        file.write_all(reference.as_bytes()).unwrap();
        file.commit().unwrap();
    }
    let found = casemate_fs::read_config_file(path, 1 << 20).unwrap();
    assert!(
        found == reference.as_bytes(),
        "docs/reference/cli.md is not current: CASEMATE_UPDATE_REFERENCE=1 cargo nextest run -p casemate-cli reference"
    );
}

#[test]
fn the_version_is_the_workspace_version() {
    let expected = format!("casemate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(User::new().run(&["--version"]).text(), expected);
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = User::new().run(&["completions", shell]).text();
        assert!(script.contains("casemate") && script.contains("completions"), "{shell}");
        assert!(!script.contains("__worker"), "{shell}");
    }
}
