//! What happens, as it is followed.

use std::io::{BufRead, BufReader, Write};

use crate::binary::User;
use crate::edge::{connect, key};

#[test]
fn events_reach_who_follows_and_who_comes_back() {
    let user = User::new();
    let node = user.serve();
    let key = key(&user);
    let follow = |headers: &str| {
        let mut stream = connect(&node);
        let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n{key}{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
        assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
        lines
    };
    /// Reads until an event about an object; returns its place, as run and number, and its data.
    fn object(lines: &mut impl Iterator<Item = String>) -> ((u64, u64), serde_json::Value) {
        let (mut id, mut kind) = ((0, 0), String::new());
        for line in lines {
            match line.split_once(": ") {
                Some(("id", value)) => {
                    let (run, number) = value.split_once('-').unwrap();
                    id = (run.parse().unwrap(), number.parse().unwrap());
                }
                Some(("event", value)) => kind = value.to_owned(),
                Some(("data", value)) if kind == "object" => {
                    return (id, serde_json::from_str(value).unwrap());
                }
                _ => {}
            }
        }
        panic!("the stream ended");
    }
    let mut live = follow("");
    user.run_with_input(&["cp", "-", "cm://builds/first"], b"x").text();
    let (first, data) = object(&mut live);
    assert_eq!(data, serde_json::json!({"bucket": "builds", "key": "first", "change": "stored"}));
    drop(live);
    user.run_with_input(&["cp", "-", "cm://builds/second"], b"x").text();
    user.run(&["rm", "cm://builds/second"]).text();
    let mut back = follow(&format!("last-event-id: {}-{}\r\n", first.0, first.1));
    let (second, stored) = object(&mut back);
    let (third, deleted) = object(&mut back);
    assert!(first < second && second < third, "{first:?} {second:?} {third:?}");
    assert_eq!((&stored["key"], &stored["change"]), (&"second".into(), &"stored".into()));
    assert_eq!((&deleted["key"], &deleted["change"]), (&"second".into(), &"deleted".into()));
    // A stream that nobody ends does not keep the node from stopping.
    node.stop();
}

#[test]
fn who_follows_sees_what_they_may_read_and_no_longer_than_they_may() {
    let user = User::new();
    let node = user.serve();
    let made = user
        .run(&[
            "key",
            "create",
            "--label",
            "watch",
            "--role",
            "viewer",
            "--scope",
            "node:read",
            "--scope",
            "objects:read:open/*",
            "--json",
        ])
        .json();
    let key = format!("x-api-key: {}\r\n", made["secret"].as_str().unwrap());
    let mut stream = connect(&node);
    let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n{key}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    user.run_with_input(&["cp", "-", "cm://secret/name"], b"x").text();
    user.run_with_input(&["cp", "-", "cm://open/name"], b"x").text();
    let seen = lines.find(|line| line.starts_with("data: {\"bucket\"")).unwrap();
    assert!(seen.contains("\"open\""), "{seen}");
    assert_eq!(user.run(&["key", "revoke", made["key"]["id"].as_str().unwrap()]).code, 0);
    // The stream ends, which is awaited; what comes before its end tells of nothing new.
    assert!(!lines.any(|line| line.contains("secret")));
}
