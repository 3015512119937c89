//! A witness over HTTP, asked as nodes ask it, and as nobody should.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests look at files from outside")]

use std::net::SocketAddr;
use std::sync::Arc;

use casemate_egress::{Dialer, SystemResolver};
use casemate_fs::Dir;
use casemate_ledger::test_support::{MemoryTiles, plain_entries};
use casemate_ledger::{AddCheckpoint, Checkpoint, Log, NodeKey, WitnessKey, WitnessPublicKey};
use casemate_model::EgressPolicy;
use casemate_model::test_support::ManualClock;
use casemate_witness::{Answered, Asked as _, AskedError, HttpWitness, Witness, serve};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const NAME: &str = "witness.example/one";

/// A witness that is served from a directory.
struct Served {
    address: SocketAddr,
    key: WitnessPublicKey,
    stop: CancellationToken,
}

impl Served {
    async fn start(directory: &TempDir) -> Self {
        let key = WitnessKey::from_seed(NAME, &[9; 32]).unwrap();
        let (public, log) = (key.public_key().clone(), NodeKey::from_seed(&[7; 32]));
        let kept = Dir::open_private(&directory.path().join("seen")).unwrap();
        let witness = Witness::new(key, [log.public_key().clone()], kept, Arc::new(ManualClock::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve(Arc::new(witness), listener, stop.clone()));
        Self { address, key: public, stop }
    }

    fn client(&self) -> HttpWitness {
        let everywhere = "0.0.0.0/0 ::/0".parse().unwrap();
        let tls =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
        let dialer =
            Dialer::new(EgressPolicy::new(everywhere), Arc::new(SystemResolver::new()), Arc::new(tls));
        HttpWitness::new(format!("http://{}", self.address).parse().unwrap(), self.key.clone(), dialer)
    }

    /// The status and body of an answer to any bytes.
    async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    async fn post(&self, body: &str) -> (u16, String) {
        let head = "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: ";
        self.raw(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await
    }
}

/// A log with so many entries, which says `word`.
fn log(entries: u64, word: &str, seed: u8) -> Log<MemoryTiles> {
    let mut log = Log::open(MemoryTiles::new(), Arc::new(NodeKey::from_seed(&[seed; 32]))).unwrap();
    log.append(&plain_entries(entries, word)).unwrap();
    log
}

fn asked(log: &Log<MemoryTiles>, old: u64) -> (AddCheckpoint, Checkpoint) {
    let checkpoint = log.checkpoint().clone();
    let hashes = log.prove_growth(old, checkpoint.size()).unwrap();
    (AddCheckpoint { old, hashes, checkpoint: checkpoint.to_string() }, checkpoint)
}

#[tokio::test]
async fn a_witness_that_is_killed_forgets_nothing() {
    let directory = TempDir::new().unwrap();
    let first = Served::start(&directory).await;
    let (request, checkpoint) = asked(&log(5, "stored", 7), 0);
    let answered = first.client().ask(&request, &checkpoint).await.unwrap();
    let Answered::Cosigned(cosignature) = answered else { panic!("{answered:?}") };
    first.key.verify(&checkpoint, &cosignature).unwrap();
    first.stop.cancel();

    let again = Served::start(&directory).await;
    // Another history of that length, one that is longer, and the beginning of the first: none is cosigned.
    let (fork, forked) = asked(&log(5, "changed", 7), 0);
    assert_eq!(again.client().ask(&fork, &forked).await.unwrap(), Answered::At(5));
    let (fork, forked) = asked(&log(9, "changed", 7), 5);
    let error = again.client().ask(&fork, &forked).await.unwrap_err();
    assert!(matches!(error, AskedError::Refused { status: 422, .. }), "{error}");
    let (back, shorter) = asked(&log(3, "stored", 7), 0);
    assert_eq!(again.client().ask(&back, &shorter).await.unwrap(), Answered::At(5));
    // What follows is.
    let (request, checkpoint) = asked(&log(600, "stored", 7), 5);
    let answered = again.client().ask(&request, &checkpoint).await.unwrap();
    assert!(matches!(answered, Answered::Cosigned(_)), "{answered:?}");
}

#[tokio::test]
async fn a_lost_memory_is_not_begun_anew() {
    let directory = TempDir::new().unwrap();
    let served = Served::start(&directory).await;
    let (request, checkpoint) = asked(&log(5, "stored", 7), 0);
    served.client().ask(&request, &checkpoint).await.unwrap();
    let seen = directory.path().join("seen");
    for file in std::fs::read_dir(&seen).unwrap() {
        std::fs::write(file.unwrap().path(), b"damaged").unwrap();
    }
    let error = served.client().ask(&request, &checkpoint).await.unwrap_err();
    assert!(matches!(error, AskedError::Refused { status: 500, .. }), "{error}");
}

#[tokio::test]
async fn each_refusal_has_its_status() {
    let directory = TempDir::new().unwrap();
    let served = Served::start(&directory).await;
    let (request, _) = asked(&log(5, "stored", 7), 0);
    let good = request.to_string();
    assert_eq!(served.post("old 5\n").await.0, 400);
    assert_eq!(served.post(&good.replacen("old 0", "old 6", 1)).await.0, 400);
    assert_eq!(served.post(&asked(&log(5, "stored", 8), 0).0.to_string()).await.0, 404);
    let mut forged = good.clone();
    forged.replace_range(good.len() - 3..good.len() - 2, if good.ends_with("A=\n") { "B" } else { "A" });
    assert_eq!(served.post(&forged).await.0, 403);
    assert_eq!(served.post(&"x".repeat(AddCheckpoint::BYTES_MAX + 1)).await.0, 413);
    let get = b"GET /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n";
    assert_eq!(served.raw(get).await.0, 405);
    assert_eq!(served.raw(b"GET / HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n").await.0, 404);
    let (status, cosigned) = served.post(&good).await;
    assert_eq!((status, cosigned.starts_with("— witness.example/one ")), (200, true));
    assert_eq!(served.post(&good).await, (409, "5\n".to_owned()));
}
