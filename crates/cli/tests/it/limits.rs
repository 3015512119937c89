//! Who is limited, by what, and who says so.

use casemate_state::test_support::PrivateRedis;

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
    user.file("config.toml", b"[limits.objects]\nper_second = 1\nburst = 4\n");
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
        "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n[limits.objects]\nper_second = 1\nburst = 4\n";
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

/// A node behind a proxy, with few tokens in the tiers of objects and of signing in.
fn small_node(user: &User, more: &str) -> Node {
    let config = format!(
        "trusted_proxies = [\"127.0.0.1\"]\n[limits]\n{more}\n[limits.objects]\nper_second = 1\nburst = 6\n\
         [limits.auth]\nper_second = 1\nburst = 5\n"
    );
    user.file("config.toml", config.as_bytes());
    user.serve_with(&["--config", "config.toml"])
}

fn from(address: &str) -> String {
    format!("x-forwarded-for: {address}\r\n")
}

#[test]
fn nobody_spends_what_is_anothers() {
    let user = User::new();
    let node = small_node(&user, "");
    let secret = user.run(&["key", "create", "--label", "ci", "--role", "admin"]).text();
    let key = format!("x-api-key: {}\r\n", secret.trim());
    // Who has no credential uses up what his network has, and nothing of the key's.
    let anonymous = statuses(&node, &from("203.0.113.7"), 12);
    assert_eq!((anonymous[..6].to_vec(), anonymous.contains(&429)), (vec![401; 6], true));
    let answer = ask(&node, &(from("203.0.113.7") + &key));
    assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, Some("\"objects\";q=6;w=6")));
    assert_eq!(answer.header("ratelimit"), Some("\"objects\";r=5;t=1"));

    // Whoever knows the key's id and not its secret spends his own, and is soon not looked at any more.
    let (id, _) = secret.trim().rsplit_once('_').unwrap();
    let wrong = key.replace(secret.trim(), &format!("{id}_{}", "a".repeat(8)));
    let guesses: Vec<_> = (0..9).map(|_| ask(&node, &(from("203.0.113.9") + &wrong))).collect();
    assert_eq!(guesses[..5].iter().map(|guess| guess.status).collect::<Vec<_>>(), [401; 5]);
    let last = &guesses[8];
    assert_eq!(last.problem(), (429, "rate_limited".to_owned()));
    assert!(last.header("ratelimit").unwrap().starts_with("\"auth\";r=0"), "{}", last.head);
    assert_eq!(last.header("retry-after"), Some("1"));
    let left = ask(&node, &(from("203.0.113.10") + &key));
    assert_eq!(left.status, 200, "the key was not charged for it");

    // The key's own holder is limited wherever it is used from, and others go on.
    let used: Vec<_> =
        (0..12).map(|host| ask(&node, &(from(&format!("198.51.100.{host}")) + &key)).status).collect();
    assert!(used.contains(&429), "{used:?}");
    let other = user.run(&["key", "create", "--label", "other", "--role", "admin"]).text();
    assert_eq!(ask(&node, &(from("198.51.100.1") + &format!("x-api-key: {}\r\n", other.trim()))).status, 200);
    // Another tier has tokens of its own.
    assert_eq!(call(&node, "GET", "/api/v1/overview", &(from("198.51.100.1") + &key), "").status, 200);
}

#[test]
fn a_keys_own_limit_counts_all_it_asks_for_and_cannot_be_shaken_off() {
    let user = User::new();
    let node = user.serve();
    let made = user.run(&[
        "key",
        "create",
        "--label",
        "sensor",
        "--role",
        "admin",
        "--per-second",
        "1",
        "--burst",
        "8",
    ]);
    let secret = made.text().trim().to_owned();
    let key = format!("x-api-key: {secret}\r\n");
    let ask = |method: &str, path: &str, body: &str| {
        call(&node, method, path, &(key.clone() + "content-type: application/json\r\n"), body)
    };
    let more = r#"{"label":"more","role":"admin","scopes":["objects:read"]}"#;
    assert_eq!(
        ask("POST", "/api/v1/keys", more).problem(),
        (403, "denied".to_owned()),
        "one without a limit"
    );
    let sign_in = format!(r#"{{"api_key":"{secret}"}}"#);
    let opened = call(&node, "POST", "/api/v1/session", "content-type: application/json\r\n", &sign_in);
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let by_session = |path: &str| call(&node, "GET", path, &format!("cookie: {cookie}\r\n"), "");
    let first = ask("GET", "/api/v1/names", "");
    assert_eq!(first.status, 200);
    assert!(first.header("ratelimit").unwrap().starts_with("\"key\";"), "{:?}", first.header("ratelimit"));
    let paths = ["/api/v1/names", "/api/v1/tasks", "/api/v1/keys", "/api/v1/overview"];
    let answers: Vec<_> = (0..40).map(|turn| (turn % 8 < 4, paths[turn % 4])).collect();
    let answers =
        answers.into_iter().map(|(own, path)| if own { ask("GET", path, "") } else { by_session(path) });
    let statuses: Vec<_> = answers.map(|answer| answer.status).collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!((5..20).contains(&served), "what one key may, whatever tier and whichever way: {statuses:?}");
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    let listed = user.run(&["key", "list", "--json"]).json();
    assert_eq!(listed[0]["limit"], serde_json::json!({ "per_second": 1, "burst": 8 }));
    let refused = user.run(&["key", "create", "--label", "none", "--per-second", "1", "--burst", "4"]);
    assert_ne!(refused.code, 0);
}

#[test]
fn costly_requests_cost_more() {
    let user = User::new();
    let node = small_node(&user, "");
    let sign_in = |address: &str| {
        let headers = from(address) + "content-type: application/json\r\n";
        call(&node, "POST", "/api/v1/session", &headers, r#"{"api_key":"casemate_wrong"}"#)
    };
    assert_eq!(sign_in("203.0.113.7").status, 401);
    let second = sign_in("203.0.113.7");
    assert_eq!(second.problem(), (429, "rate_limited".to_owned()));
    assert_eq!(second.header("retry-after"), Some("5"), "five tokens at one a second");
    assert_eq!(sign_in("203.0.113.8").status, 401);
}

#[test]
fn signatures_that_are_no_good_are_soon_not_looked_at() {
    let user = User::new();
    let node = small_node(&user, "");
    let ask = |headers: &str| call(node.s3_url(), "GET", "/builds", headers, "").status;
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=key_01kga0j4tv04106081040g2081/20260101/us-east-1/s3/aws4_request, \
                  SignedHeaders=host;x-amz-date;x-amz-content-sha256, Signature=00\r\nx-amz-date: 20260101T000000Z\r\n\
                  x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n";
    let told: Vec<_> = (0..9).map(|_| ask(&(from("203.0.113.7") + signed))).collect();
    assert_eq!((told[..5].to_vec(), told[8]), (vec![403; 5], 503), "{told:?}");
    assert_eq!(ask(&(from("203.0.113.8") + signed)), 403);
    assert_eq!(ask(&from("203.0.113.7")), 403, "what is not signed has tokens of its own");
}

#[test]
fn the_audit_log_is_searched_by_words_and_decision() {
    let user = User::new();
    let node = user.serve();
    for label in ["one", "two"] {
        assert_eq!(user.run(&["key", "create", "--label", label]).code, 0);
    }
    assert_eq!(ask(&node, "").status, 401);
    let found = |arguments: &[&str]| {
        let words = [&["audit", "search", "--json"], arguments].concat();
        let lines = user.run(&words).text();
        let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        lines.lines().map(parse).map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["KEYS.CREATE"]), ["keys.create", "keys.create"]);
    assert_eq!(found(&["keys.create", "-n", "1"]), ["keys.create"]);
    assert_eq!(
        found(&["keys.create", "created", "role", "developer"]),
        ["keys.create", "keys.create"],
        "details too"
    );
    assert_eq!(found(&["keys.create", "nobody"]), [""; 0]);
    assert_eq!(found(&["--denied"]), ["buckets.list"]);
    let key = user.run(&["key", "create", "--label", "auditor", "--role", "auditor"]).text();
    let key = format!("x-api-key: {}\r\n", key.trim());
    let status = |query: &str| call(&node, "GET", &format!("/api/v1/audit/entries?{query}"), &key, "").status;
    assert_eq!(status("search=keys&from=0"), 400);
    assert_eq!(status("decision=perhaps"), 400);
    assert_eq!(status(&format!("search={}", "x".repeat(201))), 400);
    assert_eq!(status("search=%25_%00*"), 200, "words, and no pattern");
    let odd = call(&node, "DELETE", "/api/v1/limits/%FF/x", &key, "");
    assert_eq!(odd.problem(), (400, "invalid_parameter".to_owned()), "{}", odd.body);
}

#[test]
fn an_exception_is_in_force_at_once_and_is_audited() {
    let user = User::new();
    let node = small_node(&user, "");
    let end = "2998-01-01T00:00:00Z";
    let set = |subject: &str, burst: &str| {
        user.run(&[
            "limit",
            "set",
            "objects",
            subject,
            "--per-second",
            "1",
            "--burst",
            burst,
            "--expires",
            end,
        ])
    };
    assert_eq!(set("203.0.113.7", "2").code, 0);
    assert_eq!(statuses(&node, &from("203.0.113.7"), 3), [401, 401, 429]);
    assert_eq!(statuses(&node, &from("203.0.113.8"), 6), [401; 6]);
    let listed = user.run(&["limit", "list", "--json"]).json();
    let one = &listed["overrides"][0];
    assert_eq!(
        (&one["tier"], &one["subject"], &one["burst"]),
        (&"objects".into(), &"203.0.113.7".into(), &2.into())
    );
    assert_eq!(listed["tiers"].as_array().unwrap().len(), 8);
    assert_eq!(set("203.0.113.7", "40").code, 0);
    assert_eq!(statuses(&node, &from("203.0.113.7"), 20), [401; 20], "more than before");
    user.run(&["limit", "remove", "objects", "203.0.113.7"]).text();
    assert!(statuses(&node, &from("203.0.113.7"), 9).contains(&429));
    let gone = user.run(&["limit", "remove", "objects", "203.0.113.7"]);
    assert_eq!(gone.code, 3, "{}", gone.stderr);
    let entries = user.run(&["audit", "tail", "-n", "90", "--json"]).text();
    let written = ["limits.set", "limits.remove", "limit:objects:203.0.113.7"];
    assert!(written.iter().all(|words| entries.contains(words)), "{entries}");

    // Numbers that close a tier, and callers that may only look.
    assert_eq!(set("203.0.113.7", "1").code, 2, "the costliest request needs two");
    let viewer = user.run(&["key", "create", "--label", "x", "--role", "viewer"]).text();
    let headers =
        format!("{}x-api-key: {}\r\ncontent-type: application/json\r\n", from("192.0.2.1"), viewer.trim());
    assert_eq!(call(&node, "GET", "/api/v1/limits", &headers, "").status, 200);
    let body = format!(r#"{{"per_second":9,"burst":9,"expires":"{end}"}}"#);
    let path = "/api/v1/limits/objects/203.0.113.7";
    assert_eq!(call(&node, "PUT", path, &headers, &body).status, 403);
    assert_eq!(call(&node, "DELETE", path, &headers, "").status, 403);
}

#[test]
fn a_dry_run_counts_and_refuses_nothing() {
    let user = User::new();
    let node = small_node(&user, "dry_run = true");
    assert_eq!(statuses(&node, &from("203.0.113.7"), 30), [401; 30]);
    let metrics = metrics(&user, &node);
    let counted =
        metrics.lines().find(|line| line.starts_with("casemate_limit_dry_run_denied_total")).unwrap();
    let count: u64 = counted.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count >= 20 && counted.contains("tier=\"objects\""), "{counted}");
    assert!(!metrics.contains("casemate_limit_denied_total"), "{metrics}");
}

/// What the node says to Prometheus.
fn metrics(user: &User, node: &Node) -> String {
    let secret = user.run(&["key", "create", "--label", "scraper", "--role", "admin"]).text();
    let answer = call(node, "GET", "/metrics", &format!("x-api-key: {}\r\n", secret.trim()), "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// The value of a series, if the node has counted it.
fn value(metrics: &str, series: &str) -> Option<u64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn nodes_count_together_and_go_on_without_redis() {
    let mut redis = PrivateRedis::start();
    let users = [User::new(), User::new()];
    let nodes = users.each_ref().map(|user| {
        let url = secret_file(user, "redis.url", secrecy::ExposeSecret::expose_secret(&redis.url()));
        small_node(user, &format!("redis_url_file = \"{url}\"\nreplicas = 2"))
    });
    let allowed = |address: &str| {
        let answers = nodes.each_ref().map(|node| statuses(node, &from(address), 10));
        answers.map(|statuses| statuses.into_iter().filter(|status| *status == 401).count())
    };
    let [one, other] = allowed("203.0.113.7");
    assert!((6..=8).contains(&(one + other)) && other <= 2, "one bucket for both: {one}, {other}");
    redis.kill();
    for count in allowed("203.0.113.8") {
        assert!((3..=6).contains(&count), "half of the burst each, neither closed nor open: {count}");
    }
    let key = users[0].run(&["key", "create", "--label", "s", "--role", "operator"]).text();
    let key = format!("{}x-api-key: {}\r\n", from("192.0.2.1"), key.trim());
    let wait_for = |state: u64| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let metrics = call(&nodes[0], "GET", "/metrics", &key, "").body;
            if value(&metrics, "casemate_breaker_state{dependency=\"redis\"} ") == Some(state) {
                break metrics;
            }
            assert!(std::time::Instant::now() < end, "the breaker is not {state}: {metrics}");
            // Somebody asks, or nothing is tried.
            ask(&nodes[0], &from("203.0.113.9"));
        }
    };
    let metrics = wait_for(2);
    assert!(
        value(&metrics, "casemate_breaker_failures_total{dependency=\"redis\"} ").unwrap() >= 5,
        "{metrics}"
    );
    redis.restart();
    wait_for(0);
}

/// A file that only its owner can read.
fn secret_file(user: &User, name: &str, content: &str) -> String {
    let path = user.file(name, content.as_bytes());
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}
