//! Who is limited, by what, and who says so.

use crate::binary::{Node, User};
use crate::edge::{Answer, call};

/// Asks for something that nobody without a credential may have.
fn ask(node: &Node, headers: &str) -> Answer {
    call(node, "GET", "/api/v1/buckets", headers, "")
}

fn statuses(node: &Node, headers: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| ask(node, headers).status).collect()
}

#[test]
fn a_stranger_cannot_say_to_be_somebody_else() {
    let user = User::new();
    user.file("config.toml", b"requests_per_second = 1\nrequests_burst = 4\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    let told = (0..40).map(|number| {
        let headers = format!("x-forwarded-for: 203.0.113.{number}\r\nforwarded: for=203.0.113.{number}\r\n");
        ask(&node, &headers).status
    });
    let limited = told.filter(|status| *status == 429).count();
    assert!(limited >= 30, "{limited} of 40 were limited");
    let entries = user.run(&["audit", "tail", "-n", "20", "--json"]).text();
    assert!(entries.contains("\"address\":\"127.0.0.1\"") && !entries.contains("203.0.113"), "{entries}");
}

#[test]
fn behind_a_trusted_proxy_the_right_client_is_limited() {
    let user = User::new();
    let config =
        "requests_per_second = 1\nrequests_burst = 4\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";
    user.file("config.toml", config.as_bytes());
    let node = user.serve_with(&["--config", "config.toml"]);
    let flood = "x-forwarded-for: 198.51.100.1, 203.0.113.7, 10.0.0.2\r\n";
    assert_eq!(statuses(&node, flood, 12)[..4], [401; 4]);
    assert_eq!(ask(&node, flood).status, 429);
    // What the flooding client writes itself at the left changes nothing; its neighbour is not touched.
    assert_eq!(ask(&node, "x-forwarded-for: 198.51.100.2, 203.0.113.7\r\n").status, 429);
    assert_eq!(ask(&node, "x-forwarded-for: 203.0.113.8, 10.0.0.2\r\n").status, 401);
    assert_eq!(ask(&node, "forwarded: for=203.0.113.9\r\n").status, 401);
    // One network of IPv6 is one client.
    assert_eq!(statuses(&node, "forwarded: for=\"[2001:db8::1]\"\r\n", 8)[..4], [401; 4]);
    assert_eq!(ask(&node, "forwarded: for=\"[2001:db8::ffff]:99\"\r\n").status, 429);
    assert_eq!(ask(&node, "forwarded: for=\"[2001:db8:0:1::1]\"\r\n").status, 401);
    let entries = user.run(&["audit", "tail", "-n", "30", "--json"]).text();
    assert!(entries.contains("\"address\":\"203.0.113.7\""), "{entries}");

    // Signing in says from where.
    let link = user.run(&["login", "--json"]).text();
    let token = link.split("token=").nth(1).unwrap().split('"').next().unwrap();
    let body = serde_json::json!({ "link_token": token }).to_string();
    let headers = "content-type: application/json\r\nx-forwarded-for: 203.0.113.77\r\n";
    assert_eq!(call(&node, "POST", "/api/v1/session", headers, &body).status, 201);
    let entries = user.run(&["audit", "tail", "-n", "5", "--json"]).text();
    let entry = entries.lines().find(|line| line.contains("sessions.sign_in")).unwrap();
    assert!(entry.contains("\"address\":\"203.0.113.77\""), "{entry}");
}
