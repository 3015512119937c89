//! Whether a node says in time that something it needs is gone, and that it is there again.

use std::time::{Duration, Instant};

use crate::binary::{Node, User};
use crate::edge::{Answer, call};

/// How long a failure may take to show.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

/// Where a node of this user keeps its data.
const DATA: &str = ".local/share/casemate";

fn ready(node: &Node) -> Answer {
    call(node, "GET", "/api/v1/health/ready", "", "")
}

/// Asks until the answer has the status, which must come in time.
fn wait_for(node: &Node, status: u16) -> Answer {
    let since = Instant::now();
    loop {
        let answer = ready(node);
        if answer.status == status {
            return answer;
        }
        assert!(since.elapsed() < NOTICED_WITHIN, "still {}: {}", answer.status, answer.body);
    }
}

fn check(answer: &Answer, name: &str) -> (String, String) {
    let checks = answer.json()["checks"].as_array().unwrap().clone();
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{checks:?}"));
    let text = |key: &str| check[key].as_str().unwrap().to_owned();
    (text("status"), text("detail"))
}

#[test]
fn a_lost_object_directory_shows_in_time_and_so_does_its_return() {
    let user = User::new();
    // It is asked as fast as it answers.
    user.file("config.toml", b"[limits.general]\nper_second = 1000000\nburst = 1000000\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    wait_for(&node, 200);
    let data = casemate_fs::open_user_dir(&user.path(DATA)).unwrap();
    data.rename("objects", "elsewhere").unwrap();
    let red = wait_for(&node, 503);
    let said = "the object directory cannot be written, or was moved";
    assert_eq!(check(&red, "objects"), ("failing".to_owned(), said.to_owned()));
    assert_eq!(check(&red, "state").0, "ok", "and nothing else");

    let live = call(&node, "GET", "/api/v1/health/live", "", "");
    assert_eq!((live.status, live.json()["version"].as_str()), (200, Some(casemate_api::VERSION)));
    let doctor = user.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(String::from_utf8(doctor.stdout).unwrap().contains(said));

    data.rename("elsewhere", "objects").unwrap();
    let green = wait_for(&node, 200);
    assert_eq!(check(&green, "objects").0, "ok");
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    node.stop();
}
