#![allow(clippy::disallowed_methods, reason = "it starts a server that tests use, outside any node")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use secrecy::SecretString;
use tempfile::TempDir;

use super::await_line::await_line;

/// A Redis server on a free port of the loopback network, which keeps nothing. It ends when it is dropped, also by a
/// panic, and by the kernel's hand if the process is killed.
pub struct PrivateRedis {
    server: Child,
    port: u16,
    directory: TempDir,
    tls: bool,
}

impl PrivateRedis {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// If Redis is not installed or does not start, with what to do about it.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// The same, and it speaks TLS alone, by this certificate and key (PEM).
    ///
    /// # Panics
    ///
    /// As above.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        Self::start_with(Some((certificate, key)))
    }

    fn start_with(pair: Option<(&str, &str)>) -> Self {
        let directory =
            tempfile::Builder::new().prefix("casemate-redis-").tempdir().expect("a scratch directory");
        if let Some((certificate, key)) = pair {
            std::fs::write(directory.path().join(CERTIFICATE), certificate).expect("a file of the server");
            std::fs::write(directory.path().join(KEY), key).expect("a file of the server");
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let tls = pair.is_some();
        let server = start_server(port, &directory, tls);
        Self { server, port, directory, tls }
    }

    /// Where it is.
    pub fn url(&self) -> SecretString {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0", self.port).into()
    }

    /// Ends the server as a crash does.
    pub fn kill(&mut self) {
        self.server.kill().expect("it runs");
        self.server.wait().expect("it has ended");
    }

    /// Starts it again at the same address, empty.
    pub fn restart(&mut self) {
        self.server = start_server(self.port, &self.directory, self.tls);
    }

    /// Stops it in the middle of whatever it does, so that connections stay and nothing is answered; or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").arg(signal).arg(self.server.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The files of a server that speaks TLS.
const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";

fn start_server(port: u16, directory: &TempDir, tls: bool) -> Child {
    let mut server = Command::new("setpriv");
    server.args(["--pdeathsig=KILL", "--", "redis-server", "--bind", "127.0.0.1", "--port"]).arg(if tls {
        "0".to_owned()
    } else {
        port.to_string()
    });
    if tls {
        let [certificate, key] = [CERTIFICATE, KEY].map(|name| directory.path().join(name));
        server.args(["--tls-auth-clients", "no", "--tls-port", &port.to_string(), "--tls-cert-file"]);
        server.arg(&certificate).arg("--tls-key-file").arg(key).arg("--tls-ca-cert-file").arg(certificate);
    }
    server.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]).arg(directory.path());
    let mut server = server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("setpriv runs");
    let log = server.stdout.take().expect("piped");
    await_line(
        log,
        "Ready to accept connections",
        "is redis-server installed? `apt-get install redis-server`",
    );
    server
}
