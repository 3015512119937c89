//! What a node says to Prometheus, and what is said about it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::binary::{Node, User};
use crate::edge::call;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new("../..").join(path)).unwrap()
}

/// The metrics of docs/metrics.md.
fn documented() -> BTreeSet<String> {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

/// Words of `text` that look like metrics, without what the parts of a histogram add.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    let metrics = words.filter(|word| word.starts_with("casemate_") || word.starts_with("http_"));
    let parts = ["_bucket", "_sum", "_count"];
    let documented = documented();
    let whole = |word: &str| {
        let base = parts.iter().find_map(|part| word.strip_suffix(part));
        base.filter(|base| documented.contains(*base)).unwrap_or(word).to_owned()
    };
    metrics.map(whole).collect()
}

/// A scrape of the node, with a key that may do that and nothing else.
fn scrape(user: &User, node: &Node) -> String {
    let make = ["key", "create", "--label", "scraper", "--role", "operator", "--scope", "metrics:read"];
    let key = format!("x-api-key: {}\r\n", user.run(&make).text().trim());
    let answer = call(node, "GET", "/metrics", &key, "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Names with their labels, without values.
fn series(metrics: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series.to_owned()).collect()
}

#[test]
fn the_page_of_metrics_is_what_the_sources_count() {
    let mut counted = BTreeSet::new();
    let mut left = vec![Path::new("..").to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("tests") {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for kind in ["counter!(", "gauge!(", "histogram!("] {
                    let names = text.split(kind).skip(1);
                    let names =
                        names.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
                    counted.extend(names.map(str::to_owned));
                }
            }
        }
    }
    assert_eq!(counted, documented(), "docs/metrics.md has a row for each metric, and no other");
}

#[test]
fn what_a_node_exposes_is_documented() {
    let user = User::new();
    let node = user.serve();
    user.run_with_input(&["cp", "-", "cm://builds/a"], b"content").text();
    call(&node, "GET", "/api/v1/buckets", "", "");
    let metrics = scrape(&user, &node);
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let exposed: BTreeSet<_> = types.map(str::to_owned).collect();
    let unknown: Vec<_> = exposed.difference(&documented()).cloned().collect();
    assert_eq!(unknown, [] as [String; 0], "{metrics}");
    for name in ["http_request_duration_seconds", "http_requests_total", "casemate_limit_allowed_total"] {
        assert!(exposed.contains(name), "{name} of {exposed:?}");
    }
    // Older names say the same.
    let value = |name: &str, status: u16| {
        let series = format!("{name}{{method=\"GET\",route=\"/api/v1/buckets\",status=\"{status}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)).map(str::to_owned)
    };
    assert_eq!(value("http_requests_total", 401), Some("1".to_owned()));
    assert_eq!(value("http_request_count", 401), Some("1".to_owned()));
    for part in ["_bucket", "_sum", "_count"] {
        for name in ["http_request_duration_seconds", "http_request_duration"] {
            assert!(metrics.contains(&format!("\n{name}{part}{{")), "{name}{part}");
        }
    }
}

#[test]
fn dashboard_and_alerts_name_metrics_that_exist() {
    for file in ["docs/monitoring/grafana.json", "docs/monitoring/alerts.yml"] {
        let text = read(file);
        let unknown: Vec<_> = named(&text).difference(&documented()).cloned().collect();
        assert_eq!(unknown, [] as [String; 0], "{file}");
        assert!(named(&text).len() >= 8, "{file}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(&read("docs/monitoring/grafana.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 10);
}

#[test]
fn strangers_make_no_new_series() {
    let user = User::new();
    let tiers = ["general", "objects", "tasks"]
        .map(|tier| format!("[limits.{tier}]\nper_second = 9999\nburst = 9999\n"));
    user.file("config.toml", tiers.concat().as_bytes());
    let node = user.serve_with(&["--config", "config.toml"]);
    let flood = |salt: usize| {
        for number in 0..250 {
            let word = format!("{salt:x}{number:x}q{}", number * 7919);
            let method = ["GET", "POST", "BREW", "PATCH"][number % 4].to_owned();
            let method = if number % 8 == 2 { format!("M{word}") } else { method };
            let path =
                ["", "/api/v1/tasks", "/api/v1/objects/b", "/api/v1"][number % 3].to_owned() + "/" + &word;
            call(&node, &method, &path, "", "");
        }
    };
    flood(1);
    scrape(&user, &node);
    let before = series(&scrape(&user, &node));
    flood(2);
    let after = series(&scrape(&user, &node));
    // A caller's first use of a limit, and a key's, may appear in between; nothing that was sent does.
    let new: Vec<_> = after.difference(&before).filter(|series| series.contains("http_")).collect();
    assert_eq!(new, [] as [&String; 0]);
    assert!(!after.iter().any(|series| series.contains('q') && series.contains("7919")), "{after:?}");
}

#[test]
fn refused_requests_are_counted_too() {
    let user = User::new();
    user.file("config.toml", b"[limits.objects]\nper_second = 1\nburst = 4\n");
    let node = user.serve_with(&["--config", "config.toml"]);
    for _ in 0..9 {
        call(&node, "GET", "/api/v1/buckets", "", "");
    }
    let secret = user.run(&["key", "create", "--label", "s", "--role", "operator"]).text();
    let key = format!("x-api-key: {}\r\n", secret.trim());
    let (json, large) = (format!("{key}content-type: application/json\r\n"), "x".repeat(600 << 10));
    assert_eq!(call(&node, "POST", "/api/v1/names", &json, &large).status, 413);
    assert_eq!(call(&node, "BREW", "/api/v1/names", "", "").status, 405);
    let metrics = call(&node, "GET", "/metrics", &key, "").body;
    for series in [
        "http_requests_total{method=\"GET\",route=\"/api/v1/buckets\",status=\"429\"} ",
        "http_requests_total{method=\"POST\",route=\"/api/v1/names\",status=\"413\"} 1\n",
        "http_requests_total{method=\"other\",route=\"/api/v1/names\",status=\"405\"} 1\n",
        "casemate_limit_denied_total{tier=\"objects\"} ",
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
}

#[test]
fn a_scraper_without_a_key_has_an_address_of_its_own() {
    let user = User::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    user.file("config.toml", format!("metrics_listen = \"{free}\"\n").as_bytes());
    let node = user.serve_with(&["--config", "config.toml"]);
    let place = format!("http://{free}");
    let answer = call(place.as_str(), "GET", "/metrics", "", "");
    assert_eq!((answer.status, answer.body.contains("# TYPE casemate_")), (200, true), "{}", answer.body);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for path in ["/", "/api/v1/health", "/api/v1/buckets"] {
        assert_eq!(call(place.as_str(), "GET", path, "", "").status, 404, "{path}");
    }
    assert_eq!(call(&node, "GET", "/metrics", "", "").status, 401, "elsewhere it takes a key");

    user.file("open.toml", b"metrics_listen = \"0.0.0.0:9\"\n");
    let refused = user.run(&["config", "check", "--config", "open.toml"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("`metrics_listen` cannot be `0.0.0.0:9`"), "{}", refused.stderr);
}
