use std::collections::BTreeMap;

use super::*;
use crate::samples::{entries, entries_after, key, log};
use crate::test_support::MemoryTiles;
use crate::verify::verify_log;

fn names(log: &Log<MemoryTiles>) -> Vec<String> {
    log.store().files().keys().map(ToString::to_string).collect()
}

fn files(log: &Log<MemoryTiles>) -> BTreeMap<TilePath, Vec<u8>> {
    log.store().files().clone()
}

fn log_of(entries: &[Vec<u8>]) -> Log<MemoryTiles> {
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(entries).unwrap();
    log
}

fn reopen(files: BTreeMap<TilePath, Vec<u8>>) -> Result<Log<MemoryTiles>, LogError> {
    Log::open(MemoryTiles::with(files), key())
}

#[test]
fn a_log_is_the_files_of_c2sp_tlog_tiles() {
    assert_eq!(names(&Log::open(MemoryTiles::new(), key()).unwrap()), ["checkpoint"]);
    assert_eq!(names(&log(3)), ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]);
    assert_eq!(
        names(&log(300)),
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001.p/44",
            "tile/1/000.p/1",
            "tile/entries/000",
            "tile/entries/001.p/44",
        ]
    );
}

#[test]
fn growing_in_steps_gives_the_log_of_one_step() {
    let all = entries(600);
    let mut grown = Log::open(MemoryTiles::new(), key()).unwrap();
    let mut random = crate::samples::Random(42);
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(1 + random.below(rest.len().min(90)));
        grown.append(batch).unwrap();
        rest = after;
        let reopened = reopen(files(&grown)).unwrap();
        assert_eq!((reopened.size(), reopened.head()), (grown.size(), grown.head()));
        assert_eq!(reopened.checkpoint(), grown.checkpoint());
    }
    let whole = log(600);
    assert_eq!(grown.checkpoint(), whole.checkpoint());
    // Of full tiles no partial form stays; of the last tiles the earlier ones do, for readers of old checkpoints.
    let (grown, whole) = (files(&grown), files(&whole));
    assert!(whole.iter().all(|(path, bytes)| grown.get(path) == Some(bytes)));
    assert!(grown.keys().all(|path| whole.contains_key(path) || !whole.contains_key(&path.full())));
}

#[test]
fn every_entry_is_proved_and_every_former_checkpoint_is_contained() {
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    let mut checkpoints = vec![log.checkpoint().clone()];
    for batch in entries(530).chunks(53) {
        checkpoints.push(log.append(batch).unwrap().clone());
    }
    for (sequence, bytes) in (0..).zip(entries(530)) {
        let proved = log.prove(sequence).unwrap();
        let leaf = TreeHash::of_leaf(&bytes);
        assert_eq!((proved.sequence, &proved.entry), (sequence, &bytes));
        assert_eq!(verify_inclusion(leaf, sequence, 530, &proved.hashes, log.checkpoint().root()), Ok(()));
    }
    let new = (530, log.checkpoint().root());
    for old in &checkpoints {
        let hashes = log.prove_consistency(old).unwrap();
        assert_eq!(verify_consistency((old.size(), old.root()), new, &hashes), Ok(()));
    }
    assert!(matches!(log.prove(530), Err(LogError::NotCovered { sequence: 530, size: 530 })));
    let stranger = Checkpoint::sign(53, TreeHash::of_leaf(b"another history"), &key());
    assert!(matches!(log.prove_consistency(&stranger), Err(LogError::OtherHistory { size: 53 })));
}

#[test]
fn a_crash_at_any_write_loses_nothing() {
    for (before, batch) in [(0, 3), (200, 100), (255, 1), (250, 300), (511, 2)] {
        let all = entries(before + batch);
        let (first, second) = all.split_at(usize::try_from(before).unwrap());
        for writes in 0.. {
            let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
            log.append(first).unwrap();
            log.store().fail_after(writes);
            let crashed = log.append(second).is_err();
            let left = files(&log);
            let mut recovered = reopen(left.clone()).unwrap();
            verify_log(&MemoryTiles::with(left), key().public_key(), Some(recovered.checkpoint())).unwrap();
            assert_eq!(recovered.size(), if crashed { before } else { before + batch });
            if crashed {
                recovered.append(second).unwrap();
            }
            verify_log(recovered.store(), key().public_key(), None).unwrap();
            assert_eq!(
                recovered.checkpoint(),
                log_of(&all).checkpoint(),
                "{before} + {batch}, {writes} writes"
            );
            if !crashed {
                break;
            }
        }
    }
}

#[test]
fn an_append_that_failed_is_made_good_by_the_next_one() {
    let all = entries(600);
    let (first, rest) = all.split_at(250);
    for writes in 0.. {
        let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
        log.append(first).unwrap();
        log.store().fail_after(writes);
        let failed = log.append(&rest[..20]).is_err();
        log.store().fail_after(u64::MAX);
        // As the builder does it: whatever the log lacks, which has become more by now.
        let size = usize::try_from(log.size()).unwrap();
        if log.append(&all[size..]).is_err() {
            let size = usize::try_from(log.size()).unwrap();
            log.append(&all[size..]).unwrap();
        }
        let report = verify_log(log.store(), key().public_key(), None).unwrap();
        assert_eq!(report.checkpoint, *crate::samples::log(600).checkpoint(), "{writes} writes");
        if !failed {
            break;
        }
    }
}

#[test]
fn a_checkpoint_that_was_written_although_writing_it_failed_counts() {
    let all = entries(9);
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&all[..3]).unwrap();
    log.store().fail_after(2);
    log.append(&all[3..5]).expect_err("the checkpoint, the third write, fails");
    let next = crate::samples::log(5).checkpoint().as_str().as_bytes().to_vec();
    log.store().files().insert(TilePath::Checkpoint, next);
    log.store().fail_after(u64::MAX);
    assert!(matches!(
        log.append(&all[3..]),
        Err(LogError::Entry { sequence: 5, source: EntryProblem::Sequence { found: 3 } })
    ));
    assert_eq!(log.size(), 5);
    log.append(&all[5..]).unwrap();
}

#[test]
fn entries_out_of_place_are_refused_and_change_nothing() {
    let all = entries(5);
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&all[..2]).unwrap();
    let before = files(&log);
    let problem = |result: Result<&Checkpoint, LogError>| match result {
        Err(LogError::Entry { sequence, source }) => (sequence, source),
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(log.append(&all[3..])), (2, EntryProblem::Sequence { found: 3 }));
    assert_eq!(problem(log.append(&all[1..])), (2, EntryProblem::Sequence { found: 1 }));
    assert_eq!(
        problem(log.append(&[all[2].clone(), all[4].clone()])),
        (3, EntryProblem::Sequence { found: 4 })
    );
    let stranger = entries_after((2, Digest::of(b"another history")), 1, "stored");
    assert_eq!(problem(log.append(&stranger)), (2, EntryProblem::Link));
    let garbage = problem(log.append(&[b"garbage".to_vec()]));
    assert!(matches!(garbage, (2, EntryProblem::Malformed(_))), "{garbage:?}");
    assert_eq!(files(&log), before);
    log.append(&all[2..]).unwrap();
}

#[test]
fn nothing_is_signed_over_a_log_that_somebody_else_moved() {
    let all = entries(5);
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&all[..2]).unwrap();
    let mut other = reopen(files(&log)).unwrap();
    other.append(&all[2..4]).unwrap();
    *log.store().files() = files(&other);
    assert!(matches!(log.append(&all[2..]), Err(LogError::Overtaken)));
    log.store().files().remove(&TilePath::Checkpoint);
    assert!(matches!(log.append(&all[2..]), Err(LogError::Overtaken)));
}

#[test]
fn entries_that_went_back_in_time_are_not_signed_anew() {
    // The log's checkpoint was put back to an older one, and the entries after it are others now.
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&entries(200)).unwrap();
    let old = files(&log);
    log.append(&entries_after((200, log.head()), 100, "stored")).unwrap();
    let mut mixed = files(&log);
    mixed.extend(old);
    let mut rolled_back = reopen(mixed).unwrap();
    let rewritten = entries_after((200, rolled_back.head()), 100, "never happened");
    match rolled_back.append(&rewritten) {
        Err(LogError::Fork { path }) => assert_eq!(path.to_string(), "tile/entries/000"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_without_its_checkpoint_is_not_begun_anew() {
    for count in [1, 44, 300] {
        let mut left = files(&log(count));
        left.remove(&TilePath::Checkpoint);
        assert!(matches!(reopen(left), Err(LogError::CheckpointMissing { .. })), "{count}");
    }
}

#[test]
fn a_damaged_edge_is_refused_on_opening() {
    let whole = files(&log(300));
    for path in whole.keys().filter(|path| path.to_string() != "tile/0/000") {
        for damage in 0..3 {
            let mut left = whole.clone();
            match damage {
                0 => left.get_mut(path).unwrap()[5] ^= 1,
                1 => left.get_mut(path).unwrap().truncate(31),
                _ => {
                    left.remove(path);
                }
            }
            // The first bundle is not the edge: `verify_log` reads it, opening does not.
            let opened = reopen(left).map(|_| ());
            assert_eq!(opened.is_ok(), path.to_string() == "tile/entries/000", "{path} {damage}");
        }
    }
}

#[test]
fn another_key_cannot_go_on_with_a_log() {
    let other = Arc::new(NodeKey::from_seed(&[8; 32]));
    let opened = Log::open(MemoryTiles::with(files(&log(3))), other);
    assert!(matches!(opened.map(|_| ()), Err(LogError::Checkpoint(CheckpointError::OtherKey { .. }))));
}
