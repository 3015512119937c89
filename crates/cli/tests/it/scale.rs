//! Three nodes on one PostgreSQL and one Redis: what holds across them.

use std::path::Path;
use std::time::{Duration, Instant};

use casemate_state::test_support::{PrivatePostgres, PrivateRedis};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::binary::{Node, User};
use crate::edge::{Answer, PATIENCE, call};

/// How long a node may go on believing what was revoked on another one.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);

/// Where a node keeps everything.
const DATA: &str = ".local/share/casemate";

/// A cluster whose nodes were started at the same moment on an empty database.
struct Cluster {
    nodes: [Node; 3],
    users: [User; 3],
    url: String,
    redis: PrivateRedis,
    _postgres: PrivatePostgres,
}

impl Cluster {
    /// `None` where PostgreSQL is left out.
    fn start(more: &str) -> Option<Self> {
        let postgres = PrivatePostgres::start()?;
        let url = block_on(postgres.fresh_database()).expose_secret().to_owned();
        let redis = PrivateRedis::start();
        let users = [User::new(), User::new(), User::new()];
        for user in &users {
            give_pepper(user, &[7; 32]);
            configure(user, &url, &redis, more);
        }
        let nodes = std::thread::scope(|scope| {
            let starts =
                users.each_ref().map(|user| scope.spawn(|| user.serve_with(&["--config", "config.toml"])));
            starts.map(|start| start.join().unwrap())
        });
        Some(Self { nodes, users, url, redis, _postgres: postgres })
    }

    /// The headers of an administrator.
    fn admin(&self) -> String {
        let secret = self.users[0].run(&["key", "create", "--label", "admin", "--role", "admin"]).text();
        format!("x-api-key: {}\r\n{JSON}", secret.trim())
    }
}

const JSON: &str = "content-type: application/json\r\n";

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Writes a file that only its owner can read.
fn secret_file(user: &User, name: &str, content: &[u8]) -> String {
    let path = user.file(name, content);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// What an operator copies to each node before its first start.
fn give_pepper(user: &User, pepper: &[u8]) {
    let secrets =
        casemate_fs::Dir::open_private(&user.path(DATA)).unwrap().private_subdir("secrets").unwrap();
    secrets.create_new("pepper.1", pepper).unwrap();
}

fn configure(user: &User, url: &str, redis: &PrivateRedis, more: &str) {
    let database = secret_file(user, "database.url", url.as_bytes());
    let shared = secret_file(user, "redis.url", redis.url().expose_secret().as_bytes());
    let config = format!(
        "database = \"postgres\"\ndatabase_url_file = \"{database}\"\nworkers = 1\n[limits]\n\
         redis_url_file = \"{shared}\"\nreplicas = 3\n{more}"
    );
    user.file("config.toml", config.as_bytes());
}

fn send(node: &Node, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    call(node, method, &format!("/api/v1{path}"), headers, &body)
}

fn made(answer: &Answer) -> Value {
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.body);
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Asks the other nodes until both refuse, and returns how long after `revoked` the last request was sent that was let
/// through. One that was sent later than the promise must not be.
fn last_use(nodes: [&Node; 2], headers: &str, revoked: Instant, refused: &dyn Fn(u16) -> bool) -> Duration {
    let mut last = Duration::ZERO;
    for node in nodes {
        loop {
            let sent = revoked.elapsed();
            if refused(send(node, "GET", "/users", headers, &Value::Null).status) {
                break;
            }
            assert!(sent < REVOKED_WITHIN, "believed {sent:?} after it was revoked");
            last = last.max(sent);
        }
    }
    last
}

#[test]
fn what_is_revoked_on_one_node_is_refused_on_all_within_a_second() {
    let Some(cluster) = Cluster::start(ROOMY) else { return };
    let [first, second, third] = &cluster.nodes;
    let admin = cluster.admin();
    let refused = |status: u16| status == 401;
    let mut worst = Duration::ZERO;
    for round in 0..20 {
        let name = format!("user{round}");
        let password = "correct horse";
        made(&send(
            first,
            "POST",
            "/users",
            &admin,
            &json!({ "name": name, "password": password, "role": "admin" }),
        ));
        let login = || {
            let body = json!({ "username": name, "password": password });
            let tokens = made(&send(first, "POST", "/auth/login", JSON, &body));
            format!("authorization: Bearer {}\r\n", tokens["access_token"].as_str().unwrap())
        };
        // Each way to lose access in turn: what revokes it, and whose requests are refused then.
        let (headers, method, path, body) = match round % 4 {
            0 => {
                let key = json!({ "label": "x", "role": "admin", "scopes": ["users:read"] });
                let key = made(&send(first, "POST", "/keys", &admin, &key));
                let path = format!("/keys/{}", key["key"]["id"].as_str().unwrap());
                (format!("x-api-key: {}\r\n", key["secret"].as_str().unwrap()), "DELETE", path, Value::Null)
            }
            1 => (login(), "DELETE", "/session".to_owned(), Value::Null),
            2 => (login(), "POST", format!("/users/{name}/block"), Value::Null),
            _ => (login(), "PUT", format!("/members/{name}"), json!({ "role": "viewer" })),
        };
        for node in [second, third] {
            assert_eq!(send(node, "GET", "/users", &headers, &Value::Null).status, 200, "round {round}");
        }
        // A session is ended by its holder, the rest by an administrator.
        let by = if round % 4 == 1 { &headers } else { &admin };
        made(&send(first, method, &path, by, &body));
        let revoked = Instant::now();
        let denied = |status: u16| if round % 4 == 3 { status == 403 } else { refused(status) };
        worst = worst.max(last_use([second, third], &headers, revoked, &denied));
    }
    eprintln!("revoked on one node, last let through on another after {worst:?}, the worst of 20");
}

/// Limits that are in nobody's way.
const ROOMY: &str =
    "auth = { per_second = 100000, burst = 100000 }\ngeneral = { per_second = 100000, burst = 100000 }\n";

#[test]
fn three_nodes_let_one_budget_through_with_redis_and_about_as_much_without() {
    let Some(mut cluster) = Cluster::start("objects = { per_second = 1, burst = 9 }\n") else { return };
    let keys: Vec<String> = (0..2)
        .map(|_| cluster.users[0].run(&["key", "create", "--label", "x", "--role", "admin"]).text())
        .collect();
    let allowed = |cluster: &Cluster, key: &str| {
        let headers = format!("x-api-key: {}\r\n", key.trim());
        let began = Instant::now();
        let one = |node: &Node| {
            let statuses = (0..9).map(|_| send(node, "GET", "/buckets", &headers, &Value::Null).status);
            statuses.filter(|status| *status == 200).count()
        };
        (cluster.nodes.each_ref().map(one), usize::try_from(began.elapsed().as_secs()).unwrap())
    };
    let ([one, two, three], seconds) = allowed(&cluster, &keys[0]);
    assert!((9..=10 + seconds).contains(&(one + two + three)), "one budget for all: {one} {two} {three}");
    cluster.redis.kill();
    let (each, seconds) = allowed(&cluster, &keys[1]);
    for count in each {
        assert!((3..=4 + seconds).contains(&count), "a third each, neither closed nor open: {each:?}");
    }
}

#[test]
fn each_node_has_a_log_of_its_own_and_goes_on_when_another_dies() {
    let Some(mut cluster) = Cluster::start(ROOMY) else { return };
    let verified = |user: &User| {
        let done = user.run(&["audit", "verify"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
    };
    for user in &cluster.users {
        user.run(&["key", "create", "--label", "x", "--role", "viewer"]).text();
        verified(user);
    }
    let keys = cluster.users.each_ref().map(|user| user.run(&["audit", "checkpoint", "--key"]).text());
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");

    cluster.nodes[2].signal(rustix::process::Signal::KILL);
    for user in &cluster.users[..2] {
        let labels = user.run(&["key", "create", "--label", "after", "--role", "viewer"]);
        assert_eq!(labels.code, 0, "{}", labels.stderr);
        verified(user);
    }
    cluster.nodes[2] = cluster.users[2].serve_with(&["--config", "config.toml"]);
    for user in &cluster.users {
        verified(user);
        assert_eq!(user.run(&["key", "list", "--json"]).json().as_array().unwrap().len(), 5);
    }
}

#[test]
fn a_node_with_another_pepper_is_refused() {
    let Some(cluster) = Cluster::start("") else { return };
    let stranger = User::new();
    configure(&stranger, &cluster.url, &cluster.redis, "");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--config", "config.toml"];
    let refused = stranger.run(&serve);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("pepper.1` is not the pepper that the database"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: copy the files `pepper.*`"), "{}", refused.stderr);
    std::fs::remove_dir_all(stranger.path(DATA)).unwrap();
    give_pepper(&stranger, &[7; 32]);
    let fourth = stranger.serve_with(&["--config", "config.toml"]);
    assert_eq!(send(&fourth, "GET", "/buckets", &cluster.admin(), &Value::Null).status, 200);
}

#[test]
fn records_are_shared_and_content_is_where_it_was_put() {
    let Some(cluster) = Cluster::start("") else { return };
    let [first, second, third] = &cluster.users;
    let file = first.file("app.wasm", b"content of the first node");
    first.run(&["cp", &file, "cm://builds/app.wasm"]).text();
    for user in [second, third] {
        let listed = user.run(&["ls", "cm://builds", "--json"]).text();
        assert!(listed.contains("app.wasm"), "{listed}");
        let refused = user.run(&["cp", "cm://builds/app.wasm", "-"]);
        assert_ne!(refused.code, 0, "{}", refused.stderr);
        assert!(refused.stdout.is_empty(), "no byte of it");
    }
    // The same content put there too is there too.
    let file = second.file("app.wasm", b"content of the first node");
    second.run(&["cp", &file, "cm://builds/app.wasm"]).text();
    for user in [first, second] {
        assert_eq!(user.run(&["cp", "cm://builds/app.wasm", "-"]).stdout, b"content of the first node");
    }
}

/// What a server says of itself is checked, on the way to PostgreSQL and to Redis.
#[test]
fn the_way_to_postgres_and_redis_is_encrypted_and_the_servers_are_who_they_say() {
    let user = User::new();
    let (ours, other) =
        (crate::tls::Authority::new(&user, "ours.pem"), crate::tls::Authority::new(&user, "other.pem"));
    let (certificate, key) = ours.pair_for(&["localhost", "127.0.0.1"]);
    let Some(postgres) = PrivatePostgres::start_with_tls(&certificate, &key) else { return };
    let redis = PrivateRedis::start_with_tls(&certificate, &key);
    let base = block_on(postgres.fresh_database_over_tcp("localhost")).expose_secret().to_owned();
    let shared = secret_file(&user, "redis.url", redis.url().expose_secret().as_bytes());
    let configure = |mode: &str, authority: &str| {
        let url = format!("{base}?sslmode={mode}&sslrootcert={authority}");
        let database = secret_file(&user, "database.url", url.as_bytes());
        let config = format!(
            "database = \"postgres\"\ndatabase_url_file = \"{database}\"\n[limits]\n\
             redis_url_file = \"{shared}\"\nredis_ca_file = \"{authority}\"\n"
        );
        user.file("config.toml", config.as_bytes());
    };
    let serve = ["serve", "--listen", "127.0.0.1:0", "--config", "config.toml"];
    for (mode, authority, said) in
        [("verify-full", other.file(), "certificate"), ("disable", ours.file(), "reject")]
    {
        configure(mode, authority);
        let refused = user.run(&serve);
        assert!(refused.code != 0 && refused.stderr.contains(said), "{mode}: {}", refused.stderr);
    }
    configure("verify-full", ours.file());
    let node = user.serve_with(&["--config", "config.toml"]);
    let secret = user.run(&["key", "create", "--label", "x", "--role", "admin"]).text();
    let headers = format!("x-api-key: {}\r\n", secret.trim());
    assert_eq!(send(&node, "GET", "/buckets", &headers, &Value::Null).status, 200);
    assert_eq!(breaker_failures(&node, &headers), 0, "Redis answers over TLS");
    node.stop();

    // Redis that shows a certificate of somebody else is as good as none: the node counts alone.
    let config = String::from_utf8(user.read("config.toml")).unwrap();
    let config = config.replace(
        &format!("redis_ca_file = \"{}\"", ours.file()),
        &format!("redis_ca_file = \"{}\"", other.file()),
    );
    user.file("config.toml", config.as_bytes());
    let node = user.serve_with(&["--config", "config.toml"]);
    let end = Instant::now() + PATIENCE;
    while breaker_failures(&node, &headers) == 0 {
        assert!(Instant::now() < end, "an unknown server is believed");
        assert_eq!(send(&node, "GET", "/buckets", &headers, &Value::Null).status, 200);
    }
}

fn breaker_failures(node: &Node, headers: &str) -> u64 {
    let metrics = call(node, "GET", "/metrics", headers, "").body;
    let series = "casemate_breaker_failures_total{dependency=\"redis\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn an_open_wire_to_another_machine_has_to_be_asked_for() {
    let user = User::new();
    let check = |config: &str| {
        user.file("config.toml", config.as_bytes());
        let done = user.run(&["config", "check", "--config", "config.toml"]);
        (done.code, String::from_utf8(done.stdout).unwrap() + &done.stderr)
    };
    let file = secret_file(&user, "redis.url", b"redis://:geheim@192.0.2.7:6379/0");
    let (code, said) = check(&format!("[limits]\nredis_url_file = \"{file}\"\n"));
    assert!(code == 2 && said.contains("rediss://") && !said.contains("geheim"), "{code}: {said}");
    let (code, said) = check(&format!("[limits]\nredis_url_file = \"{file}\"\nredis_plain = true\n"));
    assert!(code == 8 && said.contains("CFG-043"), "{code}: {said}");
    let file = secret_file(&user, "database.url", b"postgres://u:geheim@192.0.2.7/c?sslmode=disable");
    let config = format!("database = \"postgres\"\ndatabase_url_file = \"{file}\"\n");
    let (code, said) = check(&config);
    assert!(code == 8 && said.contains("CFG-022") && !said.contains("geheim"), "{code}: {said}");
    let (code, said) = check(&format!("environment = \"mainnet\"\n{config}"));
    assert!(code == 1 && said.contains("CFG-022: critical"), "{code}: {said}");
    secret_file(&user, "database.url", b"postgres://u:geheim@192.0.2.7/c?sslmode=prefer");
    let done = user.run(&["serve", "--listen", "127.0.0.1:0", "--config", "config.toml"]);
    assert!(done.code != 0, "{}", done.stderr);
    user.file("config.toml", config.as_bytes());
    let done = user.run(&["serve", "--listen", "127.0.0.1:0", "--config", "config.toml"]);
    assert!(
        done.stderr.contains("gives way to an open wire") && !done.stderr.contains("geheim"),
        "{}",
        done.stderr
    );
}

/// A script that ends its nodes when it is told to end, also by a panic.
struct Script(std::process::Child);

impl Drop for Script {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            crate::binary::send_signal(&self.0, rustix::process::Signal::TERM);
            let _ = self.0.wait();
        }
    }
}

/// Where three nodes of the example find their ports free. It is below those that the system gives to connections, of
/// which other tests open many.
fn free_ports() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 300).unwrap() * 40;
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let candidates = (first..32_700).step_by(40);
    let fits = |base: &u16| [0, 1, 10, 11, 20, 21].map(|more| base + more).iter().all(is_free);
    candidates.into_iter().find(fits).expect("six free ports")
}

/// The example of the documents, as it is.
#[test]
fn the_example_starts_three_nodes_that_know_each_others_keys() {
    let Some(postgres) = PrivatePostgres::start() else { return };
    let (redis, user) = (PrivateRedis::start(), User::new());
    let url = block_on(postgres.fresh_database()).expose_secret().to_owned();
    let script = Path::new("../../examples/scale-out/start.sh");
    let port = free_ports();
    let mut command = std::process::Command::new("sh");
    command.arg(script).arg(env!("CARGO_BIN_EXE_casemate")).arg(user.path("cluster")).arg(url);
    command.arg(redis.url().expose_secret()).arg(port.to_string()).env_clear();
    // Variables of the tests are no configuration.
    command.env("PATH", "/usr/bin:/bin").env("HOME", user.path(""));
    let mut script = Script(command.stdout(std::process::Stdio::null()).spawn().unwrap());
    let urls: Vec<String> = (0..3).map(|number| format!("http://127.0.0.1:{}", port + 10 * number)).collect();
    let end = Instant::now() + PATIENCE;
    for url in &urls {
        while std::net::TcpStream::connect(url.trim_start_matches("http://")).is_err() {
            assert!(Instant::now() < end, "{url} is not there");
            std::thread::yield_now();
        }
    }
    let data = user.path("cluster/node1");
    let arguments =
        ["key", "create", "--label", "x", "--role", "admin", "--data-dir", data.to_str().unwrap()];
    let made = loop {
        let made = user.run(&arguments);
        if made.code == 0 {
            break made.text();
        }
        assert!(Instant::now() < end, "{}", made.stderr);
    };
    let headers = format!("x-api-key: {}\r\n", made.trim());
    for url in &urls {
        assert_eq!(call(url.as_str(), "GET", "/api/v1/buckets", &headers, "").status, 200, "{url}");
    }
    crate::binary::send_signal(&script.0, rustix::process::Signal::TERM);
    assert!(script.0.wait().unwrap().success());
    for url in &urls {
        assert!(std::net::TcpStream::connect(url.trim_start_matches("http://")).is_err(), "{url} goes on");
    }
}
