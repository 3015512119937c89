//! A node's own S3 endpoint: for `casemate` as its client, and for requests that are signed here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use casemate_model::{Digest, Timestamp};

use crate::binary::{Done, Node, User};

pub(super) struct Endpoint {
    pub(super) user: User,
    pub(super) node: Node,
    id: String,
    secret: String,
}

/// An answer, its headers in lower case.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
}

impl Endpoint {
    /// A node with an empty bucket `builds`.
    pub(super) fn start() -> Self {
        let user = User::new();
        let node = user.serve();
        let lines = user.run(&["key", "create", "--label", "s3", "--role", "developer", "--s3"]).text();
        let of = |name: &str| {
            let value = lines.split_whitespace().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.unwrap().to_owned()
        };
        let (id, secret) = (of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"));
        let endpoint = Self { user, node, id, secret };
        assert_eq!(endpoint.send("PUT", "/builds", &[], b"").status, 200);
        endpoint
    }

    /// Runs `casemate` as a client of the endpoint.
    pub(super) fn run(&self, arguments: &[&str]) -> Done {
        let mut command = self.user.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", &self.id).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command.env("AWS_ENDPOINT_URL", self.node.s3_url()).env("AWS_REGION", "us-east-1");
        Done::of(command.spawn().unwrap())
    }

    /// Sends a request that is signed with version 4, its content unsigned.
    pub(super) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let host = self.node.s3_url().strip_prefix("http://").unwrap().to_owned();
        let date = now();
        let mut signed = vec![
            ("host", host.as_str()),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-date", date.as_str()),
        ];
        signed.extend(headers);
        signed.sort_unstable();
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (path_only, query) = path.split_once('?').unwrap_or((path, ""));
        let canonical = format!("{method}\n{path_only}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD");
        let scope = format!("{}/us-east-1/s3/aws4_request", &date[..8]);
        let text =
            format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", Digest::of(canonical.as_bytes()).to_hex());
        let mut key = *hmac(format!("AWS4{}", self.secret).as_bytes(), &date.as_bytes()[..8]).as_bytes();
        for step in ["us-east-1", "s3", "aws4_request"] {
            key = *hmac(&key, step.as_bytes()).as_bytes();
        }
        let signature = hmac(&key, text.as_bytes()).to_hex();
        let mut connection = TcpStream::connect(&host).unwrap();
        let own: String = signed.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id
        );
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\n{own}authorization: {authorization}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        )
        .unwrap();
        connection.write_all(body).unwrap();
        Answer::read(connection)
    }
}

impl Answer {
    fn read(mut connection: TcpStream) -> Self {
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let headers = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }

    /// A header; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut lines = self.headers.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
    }
}

/// The time as signatures write it, such as 20250601T120000Z.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let text = Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap()).unwrap().to_string();
    let (seconds, _) = text.split_once('.').unwrap();
    format!("{}Z", seconds.replace(['-', ':'], ""))
}

/// HMAC-SHA256 as RFC 2104 has it.
fn hmac(key: &[u8], message: &[u8]) -> Digest {
    let hashed = Digest::of(key);
    let key = if key.len() > 64 { hashed.as_bytes() } else { key };
    let pad = |byte: u8| {
        let mut block = vec![byte; 64];
        block.iter_mut().zip(key).for_each(|(block, key)| *block ^= key);
        block
    };
    let inner = Digest::of(&[pad(0x36), message.to_vec()].concat());
    Digest::of(&[pad(0x5c), inner.as_bytes().to_vec()].concat())
}
