//! A real server of S3 for commands about buckets elsewhere: a node that this test starts, and a gate before it that
//! counts requests and can hold one up.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};

use crate::binary::{Done, Node, User};

/// A user with a node, its S3 credentials, and two buckets that are empty.
pub(crate) struct Shop {
    pub(crate) user: User,
    pub(crate) gate: Gate,
    key: Vec<(String, String)>,
    _node: Node,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let user = User::new();
        let node = user.serve();
        let key = user.run(&["key", "create", "--label", "shop", "--role", "admin", "--s3"]).text();
        let key = key.lines().map(|line| line.split_once('=').unwrap());
        let key = key.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let seed = user.file("seed", b"seed");
        for bucket in ["one", "two"] {
            user.run(&["cp", &seed, &format!("cm://{bucket}/seed")]).text();
            user.run(&["rm", &format!("cm://{bucket}/seed")]).text();
        }
        let gate = Gate::before(node.s3_url().strip_prefix("http://").unwrap());
        Self { user, gate, key, _node: node }
    }

    /// A command that reaches S3 through the gate.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.user.command(arguments);
        command.envs(self.key.iter().cloned());
        command.env("AWS_ENDPOINT_URL", &self.gate.url).env("AWS_MAX_ATTEMPTS", "1");
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.start(arguments))
    }

    /// The same with further variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).envs(variables.iter().copied()).spawn().unwrap())
    }
}

/// Passes everything on to a server, and takes note of the requests.
pub(crate) struct Gate {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    /// The request that is held up, and whether it has come.
    held: Option<(String, bool)>,
    /// The request that gets no answer.
    refused: Option<String>,
}

impl Gate {
    /// Before that server.
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (shared, server) = (Arc::new(Shared::default()), server.to_owned());
        let gate = Self { url, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (shared, server) = (Arc::clone(&shared), server.clone());
                std::thread::spawn(move || shared.pass(client.unwrap(), &server));
            }
        });
        gate
    }

    /// How many requests there were so far, such as `GET /one/a`.
    pub(crate) fn count(&self, request: &str) -> usize {
        let state = self.shared.state.lock().unwrap();
        state.requests.iter().filter(|seen| *seen == request).count()
    }

    /// Holds up that request from now on.
    pub(crate) fn hold(&self, request: &str) {
        self.shared.state.lock().unwrap().held = Some((request.to_owned(), false));
    }

    /// Hangs up on whoever asks for that.
    pub(crate) fn refuse(&self, request: &str) {
        self.shared.state.lock().unwrap().refused = Some(request.to_owned());
    }

    /// Waits until a request is held up.
    pub(crate) fn wait(&self) {
        let state = self.shared.state.lock().unwrap();
        let is_there = |state: &mut State| state.held.as_ref().is_some_and(|(_, there)| *there);
        drop(self.shared.changed.wait_while(state, |state| !is_there(state)).unwrap());
    }

    /// Lets requests pass again.
    pub(crate) fn open(&self) {
        let mut state = self.shared.state.lock().unwrap();
        (state.held, state.refused) = (None, None);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn pass(&self, mut client: TcpStream, server: &str) {
        let Ok(mut upstream) = TcpStream::connect(server) else { return };
        let (mut back, mut down) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut down);
            let _ = down.shutdown(std::net::Shutdown::Both);
        });
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length) = client.read(&mut buffer) {
            if length == 0 || self.note(&buffer[..length], &mut upstream).is_err() {
                break;
            }
        }
        let _ = upstream.shutdown(std::net::Shutdown::Both);
    }

    /// A client sends the head of a request in one piece, and waits for the answer before the next one.
    fn note(&self, bytes: &[u8], upstream: &mut TcpStream) -> std::io::Result<()> {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        if let Some(request) = line.strip_suffix(" HTTP/1.1") {
            let mut state = self.state.lock().unwrap();
            state.requests.push(request.to_owned());
            if state.refused.as_deref() == Some(request) {
                return Err(std::io::Error::other("refused"));
            }
            if let Some((held, there)) = &mut state.held
                && held == request
            {
                *there = true;
                self.changed.notify_all();
                drop(self.changed.wait_while(state, |state| state.held.is_some()).unwrap());
            }
        }
        upstream.write_all(bytes)
    }
}

/// Much the same each time: what deltas are for.
pub(crate) fn version(n: u8) -> Vec<u8> {
    let mut state = 7_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let mut bytes: Vec<u8> = (0..200_000).map(|_| noise()).collect();
    bytes[1000..1100].fill(n);
    bytes
}

/// A command must fail with this code and say this.
pub(crate) fn failed(done: Done, code: i32, says: &str) -> Done {
    assert_eq!(done.code, code, "{}", done.stderr);
    assert!(done.stderr.contains(says), "{}", done.stderr);
    done
}
