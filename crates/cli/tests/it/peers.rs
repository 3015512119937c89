//! Nodes that tell each other of names, as operators set them up.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{Node, User};

/// Longer than a busy machine takes to tell another node.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node among peers, which is set up in two steps: first it says who it is, then it hears of others.
struct Peer {
    user: User,
    node: Option<Node>,
    port: u16,
}

impl Peer {
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut peer = Self { user: User::new(), node: None, port };
        peer.start("");
        peer
    }

    fn start(&mut self, more: &str) {
        // The former one, if there is one, has to be gone.
        self.node = None;
        let config = format!("[peers]\nlisten = \"127.0.0.1:{}\"\nrefresh_seconds = 1\n{more}", self.port);
        self.user.file("casemate.toml", config.as_bytes());
        let config = self.user.path("casemate.toml");
        self.node = Some(self.user.serve_with(&["--config", config.to_str().unwrap()]));
    }

    fn status(&self) -> Value {
        self.user.run(&["peer", "status", "--json"]).json()
    }

    /// As others write it into their configuration.
    fn address(&self) -> String {
        self.status()["listening"][0].as_str().unwrap().to_owned()
    }

    fn registry(&self) -> (String, String) {
        let registry = &self.status()["registries"][0];
        (registry["id"].as_str().unwrap().to_owned(), registry["keys"][0].as_str().unwrap().to_owned())
    }

    /// Asks until the answer is as wanted.
    fn gets(&self, words: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let got = self.user.run(&[&["peer", "get", "--json"], words].concat());
            assert!(began.elapsed() < PATIENCE, "{}", got.stderr);
            if got.code == 0 {
                let value = got.json();
                if wanted(&value) {
                    return value;
                }
            }
        }
    }
}

fn claim(user: &User, name: &str) {
    user.file("app.txt", b"app");
    assert_eq!(user.run(&["cp", "app.txt", "cm://builds/app"]).code, 0);
    let claimed = user.run(&["name", "claim", name, "cm://builds/app", "--dns", "A 192.0.2.1"]);
    assert_eq!(claimed.code, 0, "{}", claimed.stderr);
}

#[test]
fn a_name_is_had_from_others_when_its_registry_is_gone() {
    let (mut one, mut two, mut three) = (Peer::new(), Peer::new(), Peer::new());
    let (id, key) = one.registry();
    let (first, second, third) = (one.address(), two.address(), three.address());
    let believe = format!("registries = [\"{id} {key}\"]\n");
    one.start(&format!("own = [\"{second}\"]\nknown = [\"{third}\"]\n"));
    two.start(&format!("own = [\"{first}\"]\nknown = [\"{third}\"]\n{believe}"));
    three.start(&format!("known = [\"{first}\", \"{second}\"]\n{believe}"));
    claim(&one.user, "wordcount.tools");

    // At an own node it is said how old it is, elsewhere that this is not known.
    let name = ["wordcount.tools", "--registry", &id];
    let told = two.gets(&name, |told| told["resolution"]["kind"] == "bounded");
    assert_eq!((&told["sequence"], &told["dns"]["records"][0]), (&1.into(), &"A 192.0.2.1".into()));
    let told = three.gets(&name, |told| told["sequence"] == 1);
    assert_eq!((&told["resolution"]["kind"], &told["refused"]), (&"offline".into(), &0.into()));
    let shown = three.user.run(&["peer", "ls"]).text();
    assert_eq!(shown.matches("connected").count(), 2, "{shown}");

    one.node = None;
    let told = three.gets(&name, |told| told["sequence"] == 1);
    assert_eq!(told["registry"], Value::from(id.as_str()));
    // Whoever was away has it from its disk, and the proof needs no node at all.
    three.start(&format!("known = [\"{second}\"]\n{believe}"));
    three.gets(&name, |told| told["sequence"] == 1);
    let kept = three.user.run(&[&["peer", "get", "--proof", "w.proof"][..], &name[..]].concat());
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    three.node = None;
    let verified = three.user.run(&["verify", "w.proof", "--key", &key]).text();
    assert!(verified.contains("wordcount.tools"), "{verified}");
}

#[test]
fn what_peers_cannot_say_is_said() {
    let peer = Peer::new();
    let (id, _) = peer.registry();
    let get = |words: &[&str]| peer.user.run(&[&["peer", "get"], words].concat());
    let unknown = get(&["nobody.tools"]);
    assert_eq!(unknown.code, 3, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("only its registry can say whether it is free"), "{}", unknown.stderr);
    let foreign = get(&["nobody.tools", "--registry", "00112233445566778899aabbccddeeff"]);
    assert!(foreign.stderr.contains("nothing is believed here about a registry"), "{}", foreign.stderr);
    claim(&peer.user, "own.tools");
    let old = get(&["own.tools", "--registry", &id, "--max-age", "60"]);
    assert_ne!(old.code, 0);

    let alone = User::new();
    let _node = alone.serve();
    let off = alone.run(&["peer", "status"]);
    assert!(off.stderr.contains("`peers.listen`"), "{}", off.stderr);
    // The same name as it is known here, strictly and from a moment ago.
    claim(&alone, "here.tools");
    let show = |words: &[&str]| {
        alone.run(&[&["name", "show", "here.tools", "--json"], words].concat()).json()["resolution"].clone()
    };
    assert_eq!(show(&[]), serde_json::json!({"kind": "strict", "age_ms": 0}));
    assert_eq!(show(&["--max-age", "3"])["kind"], "bounded");
    assert!(show(&["--max-age", "3"])["age_ms"].as_u64().unwrap() <= 3_000);
}
