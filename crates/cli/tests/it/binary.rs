//! Running the binary, with a home of its own and nothing of our environment.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    /// Waits for the end of a process.
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output of a command that had to succeed.
    pub(crate) fn text(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        String::from_utf8(self.stdout).unwrap()
    }

    /// The same as JSON.
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}

/// A user with an empty home.
pub(crate) struct User {
    home: TempDir,
}

impl User {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// A path in the user's home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file into the user's home and returns its path as an argument.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        let mut file = casemate_fs::create_user_file(&path).unwrap();
        file.write_all(content).unwrap();
        file.commit().unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Reads a file of the user's home.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        casemate_fs::read_config_file(&self.path(name), 64 << 20).unwrap()
    }

    /// Prepares a command.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_casemate"));
        command.args(arguments).env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).spawn().unwrap())
    }

    /// Runs a command that reads `input`.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Done::of(child)
    }

    /// What an object takes on the disk; `None` until the node has looked whether packing pays.
    pub(crate) fn stored_bytes(&self, address: &str) -> Option<u64> {
        self.run(&["stat", address, "--json"]).json()["stored_bytes"].as_u64()
    }

    /// Waits until the node has looked whether packing pays.
    pub(crate) fn wait_until_packed(&self, address: &str) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while self.stored_bytes(address).is_none() {
            assert!(std::time::Instant::now() < end, "{address} is not packed");
        }
    }

    /// Starts a node in the user's default place and waits until it serves.
    pub(crate) fn serve(&self) -> Node {
        self.serve_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Node {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut process = self.command(&arguments).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let (mut url, mut s3_url, mut mutual_url) = (None, None, None);
        for line in &mut lines {
            let line = line.unwrap();
            if let Some(address) = line.strip_prefix("The console is at ") {
                url = Some(address.to_owned());
            }
            if let Some(said) = line.strip_prefix("S3 is at ") {
                s3_url = said.split(';').next().map(str::to_owned);
            }
            if let Some(said) = line.strip_prefix("Mutual TLS is at ") {
                mutual_url = said.split(';').next().map(str::to_owned);
            }
            if line.starts_with("Ctrl-C") {
                // What the node says later must not fill the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Node { process, url: url.unwrap(), s3_url, mutual_url };
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        let status = process.wait().unwrap();
        panic!("the node did not start, {status}:\n{seen}");
    }
}

/// A node that ends with the test.
pub(crate) struct Node {
    process: Child,
    pub(crate) url: String,
    s3_url: Option<String>,
    mutual_url: Option<String>,
}

impl Node {
    /// Where its S3 is.
    pub(crate) fn s3_url(&self) -> &str {
        self.s3_url.as_deref().unwrap()
    }

    /// Where its mutual TLS is.
    pub(crate) fn mutual_url(&self) -> &str {
        self.mutual_url.as_deref().unwrap()
    }

    /// The most memory that the node has had so far, without its workers and the pages of its program.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
        };
        bytes("VmHWM:") - bytes("RssFile:")
    }

    /// Sends the node a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(&self.process, signal);
    }

    /// Stops the node as its operator would.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does what Ctrl-C does.
pub(crate) fn interrupt(process: &Child) {
    send_signal(process, Signal::INT);
}

/// Sends a signal to a process that this test started.
pub(crate) fn send_signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

/// The path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
