//! Somebody in the place of QEMU who does not keep to the protocol.

use casemate_vm::{Qmp, QmpError, QmpEventKind};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

const GREETING: &[u8] = b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n";

/// Whoever is asked: it answers as it is told.
struct Other(BufReader<UnixStream>);

impl Other {
    async fn asked(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn says(&mut self, bytes: &[u8]) {
        // Whoever listened may have gone, which is what some tests want.
        let _ = self.0.write_all(bytes).await;
    }

    async fn answers(&mut self) {
        let id = self.asked().await["id"].clone();
        self.says(format!("{{\"return\": {{}}, \"id\": {id}}}\n").as_bytes()).await;
    }
}

fn pair() -> (UnixStream, Other) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (ours, Other(BufReader::new(theirs)))
}

#[tokio::test]
async fn what_does_not_greet_is_a_stranger() {
    let deep = [b"[".repeat(100_000), b"\n".to_vec()].concat();
    let endless = b"x".repeat(3 << 20);
    for said in [&b"hello\n"[..], b"{\"return\": {}}\n", b"\xff\xfe\n", b"\n", &deep, &endless, b""] {
        let (ours, mut theirs) = pair();
        let said = said.to_vec();
        let saying = tokio::spawn(async move { theirs.says(&said).await });
        let error = Qmp::connect(ours).await.map(drop).unwrap_err();
        assert!(matches!(error, QmpError::Stranger(_)), "{error}");
        saying.await.unwrap();
    }
}

#[tokio::test]
async fn who_waits_is_told_when_the_other_is_gone() {
    let (ours, mut theirs) = pair();
    let other = tokio::spawn(async move {
        theirs.says(GREETING).await;
        theirs.answers().await;
        let asked = theirs.asked().await;
        assert_eq!(asked["execute"], "stop");
    });
    let (qmp, _events) = Qmp::connect(ours).await.unwrap();
    let error = qmp.run("stop").await.unwrap_err();
    assert!(matches!(error, QmpError::Gone), "{error}");
    other.await.unwrap();
    let error = qmp.run("cont").await.unwrap_err();
    assert!(matches!(error, QmpError::Gone), "{error}");
}

#[tokio::test]
async fn a_flood_of_events_keeps_no_answer() {
    let (ours, mut theirs) = pair();
    let other = tokio::spawn(async move {
        theirs.says(GREETING).await;
        theirs.answers().await;
        // Answers to what nobody asked, events that nobody heeds, and many that somebody could.
        theirs.says(b"{\"return\": {}, \"id\": 99}\n").await;
        let ignored = b"{\"event\": \"RTC_CHANGE\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 1}}\n";
        theirs.says(&ignored.repeat(10_000)).await;
        let heeded = b"{\"event\": \"RESET\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 1}}\n";
        theirs.says(&heeded.repeat(1_000)).await;
        theirs.answers().await;
        theirs
    });
    let (qmp, mut events) = Qmp::connect(ours).await.unwrap();
    qmp.run("query-status").await.unwrap();
    let _other = other.await.unwrap();
    assert_eq!(events.recv().await.unwrap().kind, QmpEventKind::Reset);
    let mut left = 0;
    while events.try_recv().is_ok() {
        left += 1;
    }
    assert_eq!((left, qmp.events_lost()), (255, 744));
}
