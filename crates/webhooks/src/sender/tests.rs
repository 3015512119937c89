use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

use async_trait::async_trait;
use casemate_egress::Resolve;
use casemate_model::EgressPolicy;
use casemate_model::test_support::ManualClock;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers each question with the next of its answers, the last one again and again.
struct Scripted(Mutex<VecDeque<Vec<IpAddr>>>);

#[async_trait]
impl Resolve for Scripted {
    async fn resolve(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let answer = answers.pop_front().unwrap();
        if answers.is_empty() {
            answers.push_back(answer.clone());
        }
        Ok(answer)
    }
}

fn sender(allowed: &str, answers: &[&[&str]]) -> Sender {
    let answers = answers.iter().map(|one| one.iter().map(|text| text.parse().unwrap()).collect());
    let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let policy = EgressPolicy::new(allowed.parse().unwrap());
    let resolver = Arc::new(Scripted(Mutex::new(answers.collect())));
    Sender::new(Dialer::new(policy, resolver, Arc::new(tls)), Arc::new(ManualClock::new()))
}

async fn post(sender: &Sender, url: &str) -> Result<Answer, SendError> {
    let headers = ["dlv_1", "1", "v1,x"].map(ToOwned::to_owned);
    sender.send(&url.parse().unwrap(), headers, b"{}".to_vec()).await
}

/// Answers every connection with `answer`, and counts the connections; the request comes back through the channel.
async fn receiver(answer: &'static [u8]) -> (u16, tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sent, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            request.truncate(length);
            drop(sent.send(request));
            drop(stream.write_all(answer).await);
        }
    });
    (port, requests)
}

#[tokio::test]
async fn a_delivery_is_posted_as_it_was_signed() {
    let (port, mut requests) = receiver(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let sender = sender("127.0.0.0/8", &[&["127.0.0.1"]]);
    let answer = post(&sender, &format!("http://hooks.example:{port}/a?b=c")).await;
    assert_eq!(answer, Ok(Answer { status: 204, retry_after: None }));
    let request = String::from_utf8(requests.recv().await.unwrap()).unwrap();
    assert!(request.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{request}");
    for line in [&format!("host: hooks.example:{port}"), "webhook-id: dlv_1", "webhook-timestamp: 1"] {
        assert!(request.contains(&format!("{line}\r\n")), "{line} in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
}

#[tokio::test]
async fn nothing_is_connected_to_what_a_name_may_not_lead_to() {
    let (port, mut requests) = receiver(b"HTTP/1.1 200 OK\r\n\r\n").await;
    for (allowed, addresses) in [
        ("", &["127.0.0.1"][..]),
        ("", &["1.1.1.1", "127.0.0.1"]),
        ("", &["::ffff:127.0.0.1"]),
        ("", &["::1"]),
        ("10.0.0.0/8", &["127.0.0.1"]),
        ("127.0.0.0/8", &["127.0.0.1", "169.254.169.254"]),
        ("0.0.0.0/0 ::/0", &["169.254.169.254"]),
        ("0.0.0.0/0 ::/0", &["fd00:ec2::254"]),
        ("127.0.0.0/8", &["127.0.0.1", "10.0.0.1"]),
    ] {
        let sender = sender(allowed, &[addresses]);
        let answer = post(&sender, &format!("https://hooks.example:{port}/")).await;
        assert_eq!(answer, Err(SendError::Refused), "{addresses:?} with {allowed}");
    }
    for literal in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"] {
        let (sender, url) = (sender("", &[&[]]), format!("https://{literal}:{port}/"));
        assert_eq!(post(&sender, &url).await, Err(SendError::Refused), "{literal}");
        assert_eq!(sender.check(&url.parse().unwrap()), Err(SendError::Refused), "said at once: {literal}");
    }
    assert!(requests.try_recv().is_err(), "nobody was connected to");
}

#[tokio::test]
async fn a_name_that_is_bound_anew_after_the_check_is_not_asked_again() {
    let (port, mut requests) = receiver(b"HTTP/1.1 200 OK\r\n\r\n").await;
    // The first answer is a good one, where nobody listens; every other would lead inside.
    let sender = sender("127.0.0.2", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let answer = post(&sender, &format!("http://hooks.example:{port}/")).await;
    assert_eq!(answer, Err(SendError::Unreachable));
    assert!(requests.try_recv().is_err(), "the address that was checked is the one that is connected to");
    assert_eq!(post(&sender, &format!("http://hooks.example:{port}/")).await, Err(SendError::Refused));
}

#[tokio::test]
async fn plain_http_goes_only_where_it_was_allowed() {
    let strict = sender("", &[&["1.1.1.1"]]);
    assert_eq!(post(&strict, "http://hooks.example/").await, Err(SendError::Plain));
    assert_eq!(strict.check(&"http://hooks.example/".parse().unwrap()), Err(SendError::Plain));
    let some = sender("127.0.0.0/8", &[&["1.1.1.1"]]);
    assert_eq!(post(&some, "http://hooks.example/").await, Err(SendError::Plain), "public, and not named");
}

#[tokio::test]
async fn redirects_are_answers_and_nothing_more() {
    let (trap, mut trapped) = receiver(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{trap}/\r\n\r\n");
    let (port, _requests) = receiver(answer.into_bytes().leak()).await;
    let sender = sender("127.0.0.0/8", &[&[]]);
    let answer = post(&sender, &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(answer, Ok(Answer { status: 307, retry_after: None }));
    assert!(trapped.try_recv().is_err(), "nobody went there");
}

#[tokio::test]
async fn an_answer_is_read_no_further_than_its_first_bytes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let endless = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut written = 0_u64;
        drop(stream.write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 30\r\n\r\n").await);
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {
            written += 4096;
        }
        written
    });
    let sender = sender("127.0.0.0/8", &[&[]]);
    let answer = post(&sender, &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(answer, Ok(Answer { status: 503, retry_after: Some(Duration::from_secs(30)) }));
    // The connection was closed, or this would never end. What buffers of the system hold does not count.
    assert!(endless.await.unwrap() < 64 << 20);
}

#[tokio::test]
async fn a_head_without_end_and_what_is_no_http_are_broken_answers() {
    let long =
        [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(2_000)]
            .concat();
    for answer in [long.leak(), b"SSH-2.0-OpenSSH\r\n\r\n".as_slice(), b"".as_slice()] {
        let (port, _requests) = receiver(answer).await;
        let sender = sender("127.0.0.0/8", &[&[]]);
        assert_eq!(post(&sender, &format!("http://127.0.0.1:{port}/")).await, Err(SendError::Broken));
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sender = sender("127.0.0.0/8", &[&[]]);
    // The clock of the runtime is ahead whenever all wait, so this takes no time.
    let began = tokio::time::Instant::now();
    let answer = post(&sender, &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(answer, Err(SendError::TimedOut | SendError::Unreachable)), "{answer:?}");
    assert!(began.elapsed() <= ATTEMPT_TIMEOUT + Duration::from_secs(5));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_believed() {
    let pair = rcgen::generate_simple_self_signed(["hooks.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            drop(acceptor.accept(stream).await);
        }
    });
    let sender = sender("127.0.0.0/8", &[&["127.0.0.1"]]);
    assert_eq!(post(&sender, &format!("https://hooks.example:{port}/")).await, Err(SendError::NotTrusted));
}
