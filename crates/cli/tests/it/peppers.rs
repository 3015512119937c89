//! Changing the pepper, which everything leans on that anybody signs in with.

use serde_json::{Value, json};

use crate::binary::{Node, User};
use crate::edge::{Answer, call};

const JSON: &str = "content-type: application/json\r\n";
const SECRETS: &str = ".local/share/casemate/secrets";

/// One of everything that somebody signs in with.
struct Credentials {
    key: String,
    s3: (String, String),
    cookie: String,
    refresh: String,
    invitation: String,
    share: String,
}

fn post(node: &Node, path: &str, headers: &str, body: &Value) -> Answer {
    call(node, "POST", &format!("/api/v1{path}"), &format!("{JSON}{headers}"), &body.to_string())
}

fn who(node: &Node, headers: &str) -> u16 {
    call(node, "GET", "/api/v1/session", headers, "").status
}

impl Credentials {
    fn make(user: &User, node: &Node, name: &str) -> Self {
        let key = user.run(&["key", "create", "--label", name, "--role", "admin"]).text();
        let pair = user.run(&["key", "create", "--label", name, "--role", "developer", "--s3"]).text();
        let value = |name: &str| {
            let line = pair.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim_start_matches('=').to_owned()
        };
        user.run_with_input(&["user", "create", name, "--role", "developer"], b"correct horse\n").text();
        let body = json!({ "username": name, "password": "correct horse" });
        let tokens = post(node, "/auth/login", "", &body).json();
        let signed_in = post(node, "/session", "", &body);
        let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let invitation = user.run(&["user", "invite", "--role", "viewer"]).text();
        let share = user.run(&["share", "cm://builds/app"]).text();
        Self {
            key: format!("x-api-key: {}\r\n", key.trim()),
            s3: (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY")),
            cookie: format!("cookie: {cookie}\r\n"),
            refresh: tokens["refresh_token"].as_str().unwrap().to_owned(),
            invitation: invitation.trim().split_once("token=").unwrap().1.to_owned(),
            share: share.trim().rsplit_once("/api/").map(|(_, path)| format!("/api/{path}")).unwrap(),
        }
    }

    /// Which of them are good, in the order of the fields. The invitation is only looked at.
    fn good(&mut self, user: &User, node: &Node) -> Vec<bool> {
        let mut s3 =
            user.command(&["ls", "s3://builds", "--endpoint-url", node.s3_url(), "--region", "us-east-1"]);
        s3.env("AWS_ACCESS_KEY_ID", &self.s3.0).env("AWS_SECRET_ACCESS_KEY", &self.s3.1);
        let s3 = crate::binary::Done::of(s3.spawn().unwrap());
        let refreshed = post(node, "/auth/refresh", "", &json!({ "refresh_token": self.refresh }));
        let refreshed = if refreshed.status == 200 {
            let tokens = refreshed.json();
            self.refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
            who(node, &format!("authorization: Bearer {}\r\n", tokens["access_token"].as_str().unwrap()))
                == 200
        } else {
            false
        };
        // One that is good is told that the name is taken, and is not used up.
        let body = json!({ "username": "taken", "password": "correct horse", "invitation": self.invitation });
        let invited = post(node, "/auth/register", "", &body).status;
        vec![
            who(node, &self.key) == 200,
            s3.code == 0,
            who(node, &self.cookie) == 200,
            refreshed,
            invited == 409,
            call(node, "GET", &self.share, "", "").status == 200,
        ]
    }
}

fn files(user: &User) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(user.path(SECRETS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pepper"))
        .collect();
    names.sort();
    names
}

/// The version and state of each pepper, and how many credentials lean on it.
fn listed(user: &User) -> Vec<(u64, String, u64)> {
    let listed = user.run(&["pepper", "list", "--json"]).json();
    let one = |row: &Value| {
        let count = |name: &str| row[name].as_u64().unwrap();
        let leaning = count("keys") + count("sessions") + count("refresh_tokens") + count("invitations");
        (count("version"), row["state"].as_str().unwrap().to_owned(), leaning)
    };
    listed.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_new_pepper_logs_nobody_out_and_the_old_one_goes_when_nothing_leans_on_it() {
    let user = User::new();
    let node = user.serve();
    let app = user.file("app", b"content");
    user.run(&["cp", &app, "cm://builds/app"]).text();
    user.run_with_input(&["user", "create", "taken"], b"correct horse\n").text();
    let mut old = Credentials::make(&user, &node, "ada");
    assert_eq!(old.good(&user, &node), [true; 6]);
    assert_eq!(listed(&user), [(1, "makes hashes".to_owned(), 5)]);

    user.run(&["pepper", "rotate"]).text();
    assert_eq!(files(&user), ["pepper.1", "pepper.2"]);
    assert_eq!(listed(&user)[1], (2, "for the next start".to_owned(), 0));
    node.stop();
    let node = user.serve();
    assert_eq!(old.good(&user, &node), [true; 6], "after the rotation");
    let mut new = Credentials::make(&user, &node, "bob");
    assert_eq!(new.good(&user, &node), [true; 6]);
    // What was refreshed leans on the new one; a session of the console, two keys and an invitation on the old one.
    assert_eq!(listed(&user), [(1, "checks".to_owned(), 4), (2, "makes hashes".to_owned(), 6)]);
    let held = user.run(&["pepper", "retire", "1"]);
    assert_eq!(held.code, 5, "a node runs: {}", held.stderr);
    node.stop();

    let leaned_on = user.run(&["pepper", "retire", "1"]);
    assert_eq!(leaned_on.code, 5, "{}", leaned_on.stderr);
    let said = "2 API keys, 1 sessions, 1 invitations, 3 kept answers still lean on version 1";
    assert!(leaned_on.stderr.contains(said), "{}", leaned_on.stderr);
    assert_eq!(user.run(&["pepper", "retire", "2", "--force"]).code, 5, "the one in use");
    assert_eq!(user.run(&["pepper", "retire", "7"]).code, 3);
    assert_eq!(files(&user), ["pepper.1", "pepper.2"], "nothing was done");
    user.run(&["pepper", "retire", "1", "--force"]).text();
    assert_eq!(files(&user), ["pepper.2"]);

    let node = user.serve();
    // The session that goes on by refresh tokens leans on the new one by now.
    assert_eq!(old.good(&user, &node), [false, false, false, true, false, false]);
    assert_eq!(new.good(&user, &node), [true; 6]);
    let entries = user.run(&["audit", "tail", "-n", "200", "--json"]).text();
    assert!(entries.contains("node.pepper_added") && entries.contains("node.pepper_retired"), "{entries}");
}

#[test]
fn a_pepper_that_should_be_there_and_one_that_should_not() {
    let user = User::new();
    user.serve().stop();
    user.run(&["pepper", "rotate"]).text();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let refused = |said: &str| {
        let done = user.run(&serve);
        assert!(done.code != 0 && done.stderr.contains(said), "{}: {}", done.code, done.stderr);
    };
    // Known to all nodes first, used later.
    user.file("config.toml", b"pepper_version = 1\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    let secret = user.run(&["key", "create", "--label", "x", "--role", "admin"]).text();
    assert_eq!(listed(&user)[0].2, 1, "the old one still makes hashes");
    node.stop();
    let node = user.serve();
    assert_eq!(who(&node, &format!("x-api-key: {}\r\n", secret.trim())), 200);
    node.stop();

    let second = user.read(&format!("{SECRETS}/pepper.2"));
    std::fs::remove_file(user.path(&format!("{SECRETS}/pepper.2"))).unwrap();
    refused("pepper.2` is missing, and the database");
    let put_pepper = |content: &[u8]| {
        let path = user.file(&format!("{SECRETS}/pepper.2"), content);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    put_pepper(&[9; 32]);
    refused("pepper.2` is not the pepper that the database");
    put_pepper(&second);
    user.file("config.toml", b"pepper_version = 3\n");
    let done = user.run(&["serve", "--listen", "127.0.0.1:0", "--config", "config.toml"]);
    assert!(
        done.code == 2 && done.stderr.contains("pepper.3` should make new hashes, and it is not there"),
        "{}",
        done.stderr
    );
    user.serve().stop();
}
