//! An S3 server that answers whatever a test wants, and remembers what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Keys of a page, as few that lists have pages.
const PAGE: usize = 400;

pub(super) struct Stranger {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    /// Serves a bucket with these keys; each object is `content of KEY`, as the list has it.
    pub(super) fn with_keys(keys: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            let keys = Arc::new(keys);
            for connection in listener.incoming().map_while(Result::ok) {
                let (keys, seen) = (Arc::clone(&keys), Arc::clone(&seen));
                std::thread::spawn(move || serve(connection, &keys, &seen));
            }
        });
        Self { url, asked }
    }

    /// The methods and targets of all requests.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request and hangs up.
fn serve(mut connection: TcpStream, keys: &[String], seen: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    seen.lock().unwrap().push(format!("{method} {target}"));
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let (status, body) = if query.contains("list-type=2") {
        ("200 OK", list(keys, query))
    } else {
        let name = target.trim_start_matches("/bucket/").split('?').next().unwrap_or_default();
        let known = keys.iter().find(|key| percent_encoded(key) == name || key.as_str() == name);
        known.map_or(("404 Not Found", String::new()), |key| ("200 OK", format!("content of {key}")))
    };
    let length = body.len();
    let sent = if method == "HEAD" { "" } else { &body };
    let headers = "last-modified: Sun, 01 Jun 2025 00:00:00 GMT\r\netag: \"0123\"\r\nconnection: close";
    // A client that hung up has what it wanted.
    let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n\r\n{sent}");
}

fn list(keys: &[String], query: &str) -> String {
    let start = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("continuation-token=at"))
        .map_or(0, |token| token.parse().unwrap());
    let end = keys.len().min(start + PAGE);
    let entry = |key: &String| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2025-06-01T00:00:00.000Z</LastModified><ETag>\"0123\"</ETag>\
             <Size>{}</Size></Contents>",
            format!("content of {key}").len()
        )
    };
    let next = if end < keys.len() {
        format!("<IsTruncated>true</IsTruncated><NextContinuationToken>at{end}</NextContinuationToken>")
    } else {
        "<IsTruncated>false</IsTruncated>".to_owned()
    };
    let entries: String = keys[start..end].iter().map(entry).collect();
    format!("<ListBucketResult><Name>bucket</Name>{next}{entries}</ListBucketResult>")
}

fn percent_encoded(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
