//! Webhooks, from the change to a receiver that checks them with code that is not ours.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{Receiver as Channel, channel};
use std::time::Instant;

use serde_json::{Value, json};

use crate::binary::{Done, Node, User};
use crate::edge::{PATIENCE, call};

/// One request that a receiver got.
struct Request {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream);
        let (mut line, mut headers) = (String::new(), BTreeMap::new());
        lines.read_line(&mut line).ok().filter(|length| *length > 0)?;
        assert!(line.starts_with("POST "), "{line}");
        loop {
            line.clear();
            lines.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_owned(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        lines.read_exact(&mut body).ok()?;
        Some(Self { headers, body: String::from_utf8(body).unwrap() })
    }

    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn key(&self) -> String {
        self.json()["data"]["key"].as_str().unwrap().to_owned()
    }
}

/// Somebody who takes webhooks on loopback, and does something with each connection after its request.
struct Receiver {
    url: String,
    requests: Channel<Request>,
}

impl Receiver {
    fn new(answer: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks?a=b", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        let answer = std::sync::Arc::new(answer);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (sender, answer) = (sender.clone(), std::sync::Arc::clone(&answer));
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    let Some(request) = Request::read(&stream) else { return };
                    // The test may be over.
                    let _ = sender.send(request);
                    answer(number, stream);
                });
            }
        });
        Self { url, requests }
    }

    /// One that answers the same to all.
    fn answering(answer: String) -> Self {
        Self::new(move |_, mut stream| {
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    fn good() -> Self {
        Self::answering("HTTP/1.1 204 No Content\r\n\r\n".to_owned())
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request in time")
    }
}

/// A node whose webhooks may be sent to loopback.
fn serve(user: &User) -> Node {
    user.file("config.toml", b"[webhooks]\nallow_networks = [\"127.0.0.0/8\"]\n");
    user.serve_with(&["--config", "config.toml"])
}

/// Makes a webhook; its id and secret.
fn add(user: &User, url: &str, events: &str) -> (String, String) {
    let made = user.run(&["webhook", "add", url, "--event", events, "--json"]).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["webhook"]["id"]), text(&made["secret"]))
}

fn put(user: &User, key: &str) {
    user.file("content", key.as_bytes());
    user.run(&["cp", "content", &format!("cm://builds/{key}")]).text();
}

fn deliveries(user: &User, webhook: &str) -> Vec<Value> {
    let listed = user.run(&["webhook", "deliveries", webhook, "--json"]).json();
    listed.as_array().unwrap().clone()
}

/// Waits until the newest delivery of a webhook is as wanted.
fn wait_for(user: &User, webhook: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let listed = deliveries(user, webhook);
        if let Some(found) = listed.first().filter(|delivery| wanted(delivery)) {
            return found.clone();
        }
        assert!(Instant::now() < end, "{listed:?}");
    }
}

/// Checks a delivery with the example of the documents.
fn verify(user: &User, secret: &str, request: &Request, body: &str) -> Done {
    let page = include_str!("../../../../docs/webhooks.md");
    let example = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    user.file("verify.py", example.as_bytes());
    let mut command = std::process::Command::new("python3");
    command.arg("verify.py").current_dir(user.path("")).env_clear().env("WEBHOOK_SECRET", secret);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3 is part of Debian 12 and of the set-up step");
    let input = json!({ "headers": request.headers, "body": body }).to_string();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Done::of(child)
}

#[test]
fn a_delivery_is_what_the_example_of_the_documents_checks() {
    let user = User::new();
    let _node = serve(&user);
    let receiver = Receiver::good();
    let (id, secret) = add(&user, &receiver.url, "object.*");
    assert!(secret.starts_with("whsec_"), "{secret}");
    put(&user, "a.txt");
    let request = receiver.next();
    let message = request.json();
    assert_eq!(message["type"], "object.stored");
    assert_eq!(
        (message["data"]["bucket"].as_str(), message["data"]["key"].as_str()),
        (Some("builds"), Some("a.txt"))
    );
    assert!(request.id().starts_with("dlv_"), "{}", request.id());
    assert_eq!(verify(&user, &secret, &request, &request.body).text(), "object.stored\n");
    assert_ne!(verify(&user, &secret, &request, &request.body.replace("a.txt", "b.txt")).code, 0);
    let other = format!("whsec_{}", "A".repeat(44).replace("AAAA", "AAEC"));
    assert_ne!(verify(&user, &other, &request, &request.body).code, 0);
    let done = wait_for(&user, &id, |delivery| delivery["state"] == "delivered");
    assert_eq!(
        (done["id"].as_str(), done["attempts"].as_u64(), done["status"].as_u64()),
        (Some(request.id()), Some(1), Some(204))
    );

    // Both secrets sign for a while; the new one alone after an exchange without overlap.
    let rotated = user.run(&["webhook", "rotate", &id, "--json"]).json();
    user.run(&["webhook", "test", &id]).text();
    let request = receiver.next();
    let new = rotated["secret"].as_str().unwrap();
    for secret in [&secret, new] {
        assert_eq!(verify(&user, secret, &request, &request.body).text(), "webhook.test\n");
    }
    let newest = user.run(&["webhook", "rotate", &id, "--overlap", "0m", "--json"]).json();
    user.run(&["webhook", "test", &id]).text();
    let request = receiver.next();
    assert_ne!(verify(&user, new, &request, &request.body).code, 0);
    assert_eq!(verify(&user, newest["secret"].as_str().unwrap(), &request, &request.body).code, 0);

    // What was sent is sent again under its id.
    user.run(&["webhook", "redeliver", &id, request.id()]).text();
    assert_eq!(receiver.next().id(), request.id());
    let shown = user.run(&["webhook", "show", &id]).text()
        + &user.run(&["audit", "tail", "-n", "50", "--json"]).text();
    assert!(!shown.contains("whsec_") && !shown.contains("hooks?a=b\",\"host"), "{shown}");
    assert!(
        !user.run(&["audit", "tail", "-n", "50", "--json"]).text().contains("/hooks"),
        "paths stay out of the log"
    );
}

#[test]
fn an_event_outlives_a_kill_before_and_during_its_delivery() {
    let user = User::new();
    let node = serve(&user);
    // The first connection is held open and never answered.
    let (hold, held) = channel();
    let hold = std::sync::Mutex::new(hold);
    let receiver = Receiver::new(move |number, mut stream| {
        if number == 0 {
            hold.lock().unwrap().send(stream).unwrap();
        } else {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let (id, _) = add(&user, &receiver.url, "object.stored");
    put(&user, "during");
    let during = receiver.next();
    // Dropping a node kills it with the signal that nobody can catch.
    drop(node);
    drop(held.recv_timeout(PATIENCE).unwrap());
    let node = serve(&user);
    let again = receiver.next();
    assert_eq!((again.id(), again.key().as_str()), (during.id(), "during"), "the same delivery, once more");
    wait_for(&user, &id, |delivery| delivery["state"] == "delivered" && delivery["attempts"] == 2);

    // Acknowledged, and the node is gone before it can have thought of any webhook.
    let mut node = Some(node);
    for round in 0..5 {
        let key = format!("before-{round}");
        put(&user, &key);
        drop(node.take());
        node = Some(serve(&user));
        // At least once: one that was sent right before the kill may come again.
        let mut got = receiver.next();
        while got.key() != key {
            got = receiver.next();
        }
        wait_for(&user, &id, |delivery| delivery["state"] == "delivered");
    }
    assert_eq!(deliveries(&user, &id).len(), 6, "one delivery for each event");
}

#[test]
fn receivers_that_misbehave_are_in_nobodys_way() {
    let user = User::new();
    let _node = serve(&user);
    let trap = Receiver::good();
    let redirect = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\n\r\n", trap.url);
    let metadata =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\n\r\n".to_owned();
    let endless = Receiver::new(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let hanging = Receiver::new(|_, stream| {
        std::thread::park_timeout(PATIENCE * 4);
        drop(stream);
    });
    let bad = [
        Receiver::answering("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
        Receiver::answering(redirect),
        Receiver::answering(metadata),
        Receiver::answering("220 smtp.example ESMTP\r\n".to_owned()),
    ];
    let bad_ids: Vec<_> = bad.iter().map(|receiver| add(&user, &receiver.url, "object.*").0).collect();
    let (endless_id, hanging_id) =
        (add(&user, &endless.url, "object.*").0, add(&user, &hanging.url, "object.*").0);
    let good = Receiver::good();
    let (good_id, _) = add(&user, &good.url, "*");
    for number in 0..6 {
        put(&user, &format!("o{number}"));
    }
    let keys: Vec<_> = (0..6)
        .map(|_| {
            loop {
                let request = good.next();
                if request.json()["type"] == "object.stored" {
                    break request.key();
                }
            }
        })
        .collect();
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 6, "{keys:?}");
    let waiting = deliveries(&user, &hanging_id);
    assert!(
        waiting.iter().all(|delivery| delivery["error"].is_null()),
        "the one that hangs is still waited for"
    );

    let last = |id: &str, error: &str| {
        let delivery = wait_for(&user, id, |delivery| delivery["error"].is_string());
        assert_eq!((delivery["state"].as_str(), delivery["error"].as_str()), (Some("pending"), Some(error)));
    };
    last(&bad_ids[0], "the receiver answered 500");
    last(&bad_ids[1], "the receiver answered 307");
    last(&bad_ids[2], "the receiver answered 302");
    last(&bad_ids[3], "the receiver closed the connection or did not answer in HTTP");
    assert!(trap.requests.try_recv().is_err(), "redirects are not followed");
    wait_for(&user, &endless_id, |delivery| delivery["state"] == "delivered" && delivery["status"] == 200);
    assert!(deliveries(&user, &hanging_id).iter().all(|delivery| delivery["state"] == "pending"));
    assert_eq!(deliveries(&user, &good_id)[0]["error"], Value::Null);
}

#[test]
fn a_receiver_that_is_gone_pauses_its_webhook_and_others_hear_of_it() {
    let user = User::new();
    let _node = serve(&user);
    let gone = Receiver::answering("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_owned());
    let watch = Receiver::good();
    let (gone_id, _) = add(&user, &gone.url, "object.*");
    let (watch_id, _) = add(&user, &watch.url, "webhook.paused");
    put(&user, "one");
    let told = watch.next().json();
    assert_eq!(
        (told["type"].as_str(), told["data"]["reason"].as_str()),
        (Some("webhook.paused"), Some("gone"))
    );
    assert_eq!(told["data"]["webhook"], gone_id);
    put(&user, "two");
    let waiting = wait_for(&user, &gone_id, |delivery| delivery["state"] == "pending");
    assert_eq!(waiting["attempts"], 0, "what happens meanwhile waits");
    let shown = user.run(&["webhook", "ls", "--json"]).json();
    assert_eq!((&shown[0]["paused"], &shown[1]["paused"]), (&json!("gone"), &Value::Null));
    let entries = user.run(&["audit", "tail", "-n", "20", "--json"]).text();
    assert!(
        entries.lines().any(|line| line.contains("webhooks.pause") && line.contains("\"node\"")),
        "{entries}"
    );
    user.run(&["webhook", "set", &gone_id, "--endpoint", &watch.url]).text();
    user.run(&["webhook", "resume", &gone_id]).text();
    assert_eq!(watch.next().key(), "two");
    user.run(&["webhook", "pause", &watch_id]).text();
    user.run(&["webhook", "rm", &gone_id]).text();
    assert_eq!(user.run(&["webhook", "show", &gone_id]).code, 3);
}

#[test]
fn a_webhook_reaches_no_further_than_it_may_and_tells_no_more_than_its_maker_reads() {
    let user = User::new();
    let node = user.serve();
    let create = |url: &str, headers: &str| {
        let body = json!({ "url": url, "events": ["object.stored"] }).to_string();
        call(
            &node,
            "POST",
            "/api/v1/webhooks",
            &format!("content-type: application/json\r\n{headers}"),
            &body,
        )
    };
    let key = |scopes: &[&str]| {
        let scopes = scopes.iter().flat_map(|scope| ["--scope", *scope]);
        let make: Vec<_> =
            ["key", "create", "--label", "a", "--role", "admin"].into_iter().chain(scopes).collect();
        format!("x-api-key: {}\r\n", user.run(&make).text().trim())
    };
    let full = key(&["webhooks:write", "objects:read"]);
    for url in [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://user:password@example.org/",
        "https://example.org:22/",
        "ftp://example.org/",
    ] {
        let answer = create(url, &full);
        assert_eq!(answer.problem(), (400, "invalid_body".to_owned()), "{url}");
        assert_eq!(answer.json()["pointer"], "/url", "{url}");
    }
    let made = create("https://example.org/", &full);
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["webhook"]["id"].as_str().unwrap().to_owned();

    let blind = key(&["webhooks:write", "tasks:read"]);
    assert_eq!(create("https://example.org/", &blind).problem(), (403, "denied".to_owned()));
    let narrow = key(&["webhooks:write", "objects:read:builds/*"]);
    assert_eq!(create("https://example.org/", &narrow).problem().0, 403, "of some objects only");
    // Nor does moving another's webhook show what one cannot read.
    let headers = format!("content-type: application/json\r\n{blind}");
    let path = format!("/api/v1/webhooks/{id}");
    let moved = call(&node, "PATCH", &path, &headers, "{\"url\":\"https://example.net/\"}");
    assert_eq!(moved.problem(), (403, "denied".to_owned()));
    let reader = key(&["objects:read"]);
    assert_eq!(call(&node, "GET", &path, &reader, "").problem().0, 403);
}

#[test]
fn all_who_have_to_do_with_a_name_are_told_of_it() {
    let user = User::new();
    let _node = serve(&user);
    let (holder, buyer) = (Receiver::good(), Receiver::good());
    user.file("app.txt", b"app");
    for (receiver, project) in [(&holder, "default"), (&buyer, "tenant")] {
        user.run(&["cp", "app.txt", "cm://builds/app", "--project", project]).text();
        user.run(&["webhook", "add", &receiver.url, "--event", "name.*", "--project", project]).text();
    }
    let told = |receiver: &Receiver| {
        let message = receiver.next().json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, data) = (&message["type"], &message["data"]);
        [text(kind), text(&data["name"]), text(&data["project"]), text(&data["outcome"])].join(" ")
    };
    for name in ["acme", "shop.acme"] {
        user.run(&["name", "claim", name, "cm://builds/app"]).text();
        assert_eq!(told(&holder), format!("name.claimed {name} default "));
    }
    let both = |words: &[&str], kind: &str, outcome: &str| {
        user.run(&[&["name"], words].concat()).text();
        assert_eq!(told(&holder), format!("{kind} shop.acme default {outcome}"));
        assert_eq!(told(&buyer), format!("{kind} shop.acme tenant {outcome}"));
    };
    both(&["offer", "shop.acme", "--to", "tenant"], "name.offered", "offered");
    both(&["withdraw", "shop.acme"], "name.offered", "withdrawn");
    both(&["offer", "shop.acme", "--to", "tenant"], "name.offered", "offered");
    both(&["accept", "shop.acme", "--project", "tenant"], "name.transferred", "");
    both(&["suspend", "shop.acme"], "name.suspended", "suspended");
}
