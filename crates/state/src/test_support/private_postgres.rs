#![allow(
    clippy::disallowed_methods,
    reason = "it finds and starts a server that tests use, outside any node"
)]

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use super::await_line::await_line;

/// A PostgreSQL server that only this process can reach: a Unix socket in a directory of its own, no TCP. It ends
/// when it is dropped, also by a panic, and by the kernel's hand if the process is killed.
pub struct PrivatePostgres {
    server: Child,
    directory: TempDir,
    databases: AtomicU32,
    /// Where it takes connections over TLS, and no others.
    tls_port: Option<u16>,
}

/// The variable by which a person decides that tests run without PostgreSQL.
const SKIP: &str = "CASEMATE_TEST_SKIP_POSTGRES";

/// PostgreSQL refuses to run as root, so then it runs as this user, which every system has.
const UNPRIVILEGED: &str = "nobody";

impl PrivatePostgres {
    /// Starts a server. `None` only if `CASEMATE_TEST_SKIP_POSTGRES=1` says so, which is printed.
    ///
    /// # Panics
    ///
    /// If PostgreSQL is not installed or does not start, with what to do about it.
    pub fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// The same, and it takes connections on loopback, too, over TLS alone, by this certificate and key (PEM).
    ///
    /// # Panics
    ///
    /// As above.
    pub fn start_with_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::start_with(Some((certificate, key)))
    }

    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn start_with(pair: Option<(&str, &str)>) -> Option<Self> {
        if std::env::var(SKIP).is_ok_and(|value| value == "1") {
            eprintln!("1 test skipped: {SKIP}=1 leaves out what needs PostgreSQL");
            return None;
        }
        let programs = find_programs().unwrap_or_else(|| {
            panic!("PostgreSQL is not installed: `apt-get install postgresql`, or set {SKIP}=1 to leave its tests out")
        });
        let directory =
            tempfile::Builder::new().prefix("casemate-pg-").tempdir().expect("a scratch directory");
        if is_root() {
            give_away(directory.path());
        }
        let data = directory.path().join("data");
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.arg("--pgdata").arg(&data).args(["--username=casemate", "--auth=trust", "--encoding=UTF8"]);
        // A locale whose text order is not by bytes, where there is one, so that a forgotten collation shows.
        initdb.args(["--locale=C.UTF-8", "--no-sync", "--no-instructions"]);
        let made = initdb.stdin(Stdio::null()).output().expect("initdb runs");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let tls_port = pair.map(|(certificate, key)| set_up_tls(&data, certificate, key));
        let server = start_server(&programs, &data, directory.path(), tls_port);
        Some(Self { server, directory, databases: AtomicU32::new(0), tls_port })
    }

    /// Makes an empty database and returns its URL.
    pub async fn fresh_database(&self) -> SecretString {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let mut connection =
            PgConnection::connect(&self.url("postgres")).await.expect("the server takes connections");
        let statement = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("a new database");
        connection.close().await.expect("a good end");
        self.url(&name).into()
    }

    /// Makes an empty database and returns its URL over TCP, without what it says of TLS; the server has the name `host`.
    ///
    /// # Panics
    ///
    /// If the server was started without TLS.
    pub async fn fresh_database_over_tcp(&self, host: &str) -> SecretString {
        let port = self.tls_port.expect("a server with TLS");
        let url = self.fresh_database().await;
        let name = ExposeSecret::expose_secret(&url).split(['/', '?']).nth(3).expect("a name").to_owned();
        format!("postgres://casemate@{host}:{port}/{name}").into()
    }

    fn url(&self, database: &str) -> String {
        let port = self.tls_port.map_or(String::new(), |port| format!(":{port}"));
        format!("postgres://casemate@localhost{port}/{database}?host={}", self.directory.path().display())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // Its data go with it, so it need not end gently. Not by SIGKILL, though: that would leave its shared memory.
        let _ = Command::new("kill").arg("-QUIT").arg(self.server.id().to_string()).status();
        let _ = self.server.wait();
    }
}

/// Debian keeps the server's programs out of the PATH, by version; the newest is taken.
fn find_programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in Path::new("/usr/lib/postgresql").read_dir().ok()?.flatten() {
        let version = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let programs = entry.path().join("bin");
        if let Some(version) = version.filter(|_| programs.join("initdb").exists()) {
            found.push((version, programs));
        }
    }
    found.into_iter().max().map(|(_, programs)| programs)
}

/// Lets the server speak TLS on loopback, and refuse who does not; returns a free port.
fn set_up_tls(data: &Path, certificate: &str, key: &str) -> u16 {
    for (name, content) in [("server.crt", certificate), ("server.key", key)] {
        let path = data.join(name);
        std::fs::write(&path, content).expect("a file of the server");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
        if is_root() {
            give_away(&path);
        }
    }
    let rules = "local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostnossl all all all reject\n";
    std::fs::write(data.join("pg_hba.conf"), rules).expect("the server's rules");
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("an address").port()
}

fn start_server(programs: &Path, data: &Path, sockets: &Path, tls_port: Option<u16>) -> Child {
    let mut server = unprivileged(&programs.join("postgres"));
    server.arg("-D").arg(data).arg("-k").arg(sockets);
    match tls_port {
        Some(port) => {
            server.args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-c", &format!("port={port}")])
        }
        None => server.args(["-c", "listen_addresses="]),
    };
    for setting in ["fsync=off", "shared_buffers=32MB", "max_connections=100"] {
        server.args(["-c", setting]);
    }
    let mut server = server.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("postgres runs");
    let log = server.stderr.take().expect("piped");
    await_line(log, "ready to accept connections", "PostgreSQL said why");
    server
}

/// A command that does not run as root, and whose process ends when this one does.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=QUIT");
    if is_root() {
        command.args(["--reuid", UNPRIVILEGED, "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg("--").arg(program);
    // The caller's directory may be closed to that user.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

fn give_away(directory: &Path) {
    let passwd = std::fs::read_to_string("/etc/passwd").expect("the list of users");
    let line = passwd
        .lines()
        .find(|line| line.split(':').next() == Some(UNPRIVILEGED))
        .expect("every system has it");
    let uid = line.split(':').nth(2).and_then(|uid| uid.parse().ok()).expect("its user id");
    chown(directory, Some(uid), None).expect("root may give a directory away");
}
