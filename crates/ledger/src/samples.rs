//! Values that tests share.

use std::sync::Arc;

use casemate_model::{Digest, Outcome, PrincipalKind, Project, RunLimits, Tags, Timestamp, Usage};

use crate::test_support::MemoryTiles;
use crate::{
    Decision, Entry, Event, Level, Log, NameChange, NameRecord, NodeKey, Receipt, SignedReceipt, Standing,
};

pub(crate) fn key() -> Arc<NodeKey> {
    Arc::new(NodeKey::from_seed(&[7; 32]))
}

pub(crate) fn time() -> Timestamp {
    Timestamp::from_millis(1_769_860_800_123).unwrap()
}

/// The event of the example in `docs/formats/entry.md`.
pub(crate) fn event() -> Event {
    Event {
        time: time(),
        request: "req_01kg9ys7kv040g2081040g2081".parse().unwrap(),
        actor: PrincipalKind::LocalUser(1000),
        project: Project::default_project(),
        action: "objects.put".into(),
        resource: "object:builds/app.wasm".to_owned(),
        decision: Decision::Allowed,
        outcome: "stored".to_owned(),
        details: vec![("digest".to_owned(), Digest::of(b"").to_string())],
    }
}

/// The bytes of `count` linked entries that follow `before`.
pub(crate) fn entries_after(before: (u64, Digest), count: u64, outcome: &str) -> Vec<Vec<u8>> {
    let (mut sequence, mut previous) = before;
    let mut entries = Vec::new();
    for _ in 0..count {
        let event = Event { outcome: format!("{outcome} {sequence}"), ..event() };
        let bytes = Entry::new(sequence, previous, event).encode().unwrap();
        previous = Entry::digest_of(&bytes);
        sequence += 1;
        entries.push(bytes);
    }
    entries
}

pub(crate) fn entries(count: u64) -> Vec<Vec<u8>> {
    entries_after((0, Entry::NO_PREVIOUS), count, "stored")
}

/// A log of `count` entries.
pub(crate) fn log(count: u64) -> Log<MemoryTiles> {
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&entries(count)).unwrap();
    log
}

/// The receipt of the example in `docs/formats/receipt.md`.
pub(crate) fn receipt() -> Receipt {
    Receipt {
        task: "tsk_01kg9ys7kv040g2081040g2081".parse().unwrap(),
        run: "run_01kg9ys7kv040g2081040g2082".parse().unwrap(),
        project: Project::default_project(),
        module: Digest::of(b"module"),
        invocation: crate::invocation_digest(&["-v".to_owned()], &[("K".to_owned(), "V".to_owned())]),
        input: Digest::of(b""),
        input_files: vec![("book.txt".to_owned(), Digest::of(b"call me Ishmael"))],
        output: Digest::of(b"3\n"),
        output_files: Vec::new(),
        log: Digest::of(b"counted"),
        outcome: Outcome::Exited(0),
        usage: Usage {
            wall_ms: 12,
            queue_ms: 1,
            compile_ms: 5,
            fuel: 123_456,
            memory_bytes_peak: 1_114_112,
            table_elements_peak: 3,
            output_bytes: 2,
            log_bytes: 7,
        },
        limits: RunLimits::DEFAULT,
        engine: "wasmtime 48.0.0".to_owned(),
        profile: "det-1".to_owned(),
        worker: "wrk_01kg9ys7kv040g2081040g2083".parse().unwrap(),
        attempt: 1,
        started: time(),
        ended: Timestamp::from_millis(1_769_860_800_135).unwrap(),
        level: Level::Signed,
    }
}

/// The audit event that records `receipt`.
pub(crate) fn receipt_event(receipt: &SignedReceipt) -> Event {
    Event {
        action: "tasks.end".into(),
        resource: format!("task:{}", receipt.receipt().task),
        outcome: receipt.receipt().outcome.to_string(),
        details: vec![
            (SignedReceipt::DETAIL.to_owned(), receipt.digest().to_string()),
            ("run".to_owned(), receipt.receipt().run.to_string()),
        ],
        ..event()
    }
}

/// The bytes of the `nth` block fenced as `kind` in a document: hex digits, each line up to a semicolon.
pub(crate) fn documented_hex(document: &str) -> Vec<u8> {
    let block = documented(document, "hex");
    let digits: String = block
        .lines()
        .map(|line| line.split(';').next().unwrap_or_default())
        .flat_map(str::split_whitespace)
        .collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
}

/// The first block fenced as `kind` in a document.
pub(crate) fn documented<'a>(document: &'a str, kind: &str) -> &'a str {
    let (_, after) = document.split_once(&format!("```{kind}\n")).expect("the document has such a block");
    after.split_once("```").expect("the block ends").0
}

/// A small generator, so that a failure names the seed and nothing else.
pub(crate) struct Random(pub u64);

impl Random {
    /// A number below `bound` (xorshift64*).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % bound
    }
}

/// The record of the example in `docs/formats/name.md`.
pub(crate) fn name_record() -> NameRecord {
    NameRecord {
        registry: "000102030405060708090a0b0c0d0e0f".parse().unwrap(),
        change: NameChange::Updated,
        standing: Standing::Good,
        name: "wordcount.tools".parse().unwrap(),
        epoch: 1,
        sequence: 2,
        project: Project::default_project(),
        offered_to: None,
        owner: None,
        recovery: None,
        successor: None,
        digest: Some(Digest::of(b"")),
        dns: "A 192.0.2.1\nTXT words".parse().unwrap(),
        tags: "prod tools".parse::<Tags>().unwrap(),
        issued: time(),
        take_until: time(),
        expires: Timestamp::from_millis(1_801_396_800_123).unwrap(),
        previous: NameRecord::NO_PREVIOUS,
    }
}
