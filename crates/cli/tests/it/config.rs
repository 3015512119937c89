//! What an operator is told about a configuration, by the command and by a node that starts with it.

use std::net::TcpListener;

use crate::binary::{Done, User};

/// A port that is taken, so that a node which comes as far as its ports says so.
fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// The findings in what was printed, each from its rule on.
fn findings(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.find("CFG-").map(|at| &line[at..])).collect()
}

fn check(user: &User, config: &str) -> Done {
    user.file("config.toml", config.as_bytes());
    user.run(&["config", "check", "--config", "config.toml"])
}

#[test]
fn a_mainnet_node_with_a_critical_finding_opens_nothing() {
    let user = User::new();
    let (_listener, address) = taken();
    user.file("config.toml", b"environment = \"mainnet\"\nwaive_walls = true\n");
    let serve = ["serve", "--config", "config.toml", "--data-dir", "data", "--listen", &address];
    let refused = user.run(&serve);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let said = "the configuration is not fit for mainnet: CFG-001: critical: waive_walls: ";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert!(!refused.stderr.contains("cannot listen"), "it does not come as far: {}", refused.stderr);
    assert!(!user.path("data").exists(), "nothing is made");
}

#[test]
fn a_node_prints_what_the_check_prints() {
    let user = User::new();
    let (_listener, address) = taken();
    let config = "environment = \"testnet\"\nwaive_walls = true\nworkers = 256\ncollect_grace_seconds = 30\n";
    let checked = check(&user, config);
    assert_eq!(checked.code, 1, "{}", checked.stderr);
    let checked = String::from_utf8(checked.stdout).unwrap();
    let served = user.run(&["serve", "--config", "config.toml", "--listen", &address]);
    assert!(served.stderr.contains("cannot listen"), "testnet goes on: {}", served.stderr);
    assert_eq!(findings(&served.stderr), findings(&checked));
    for id in ["CFG-001: critical", "CFG-020: recommendation", "CFG-052: warning"] {
        assert!(checked.contains(id), "{id}: {checked}");
    }
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let user = User::new();
    assert_eq!(check(&user, "").code, 0);
    assert_eq!(check(&user, "log_format = \"text\"\n").code, 0);
    assert_eq!(check(&user, "waive_walls = true\n").code, 8, "a warning");
    assert_eq!(check(&user, "waive_walls = true\nenvironment = \"testnet\"\n").code, 1);
    assert_eq!(check(&user, "task_seconds_max = 0\n").code, 2, "what cannot have been meant");
}

#[test]
fn findings_are_data() {
    let user = User::new();
    user.file("config.toml", b"tls_certificate_file = \"no.pem\"\ntls_key_file = \"no.pem\"\n");
    let found = user.run(&["config", "check", "--config", "config.toml", "--json"]);
    assert_eq!(found.code, 1);
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let of_tls = found.as_array().unwrap().iter().find(|finding| finding["id"] == "CFG-004").unwrap();
    assert_eq!((&of_tls["severity"], &of_tls["key"]), (&"critical".into(), &"tls_certificate_file".into()));
    assert!(of_tls["detail"].as_str().unwrap().contains("no.pem"), "{of_tls}");
    assert!(!of_tls["fix"].as_str().unwrap().is_empty());
}

#[test]
fn a_directory_in_use_is_said_and_left_alone() {
    let user = User::new();
    let _node = user.serve();
    let said = check(&user, "").text();
    assert!(
        said.starts_with("CFG-016: recommendation: data_dir: another process works in the directory"),
        "{said}"
    );
    assert!(said.contains("casemate serve"), "{said}");
    assert_eq!(user.run(&["ls"]).text(), "", "the node goes on");
}
