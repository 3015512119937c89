use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::samples::{self, Random, documented, entries, entries_after, key, receipt, receipt_event};
use crate::test_support::MemoryTiles;
use crate::tile::{parse_entries, push_entry};
use crate::{BundleError, Log, NodeKey};

mod python;

type Files = BTreeMap<TilePath, Vec<u8>>;

/// A log in which entry 17 of `count` records a signed receipt.
fn log_with_receipt(count: u64) -> (Log<MemoryTiles>, SignedReceipt) {
    let receipt = SignedReceipt::sign(receipt(), &key()).unwrap();
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&entries(17)).unwrap();
    let entry = Entry::new(17, log.head(), receipt_event(&receipt)).encode().unwrap();
    log.append(&[entry]).unwrap();
    log.append(&entries_after((18, log.head()), count - 18, "stored")).unwrap();
    (log, receipt)
}

fn bundle() -> String {
    let (log, receipt) = log_with_receipt(20);
    let inclusion = log.prove(17).unwrap();
    Bundle::new(receipt.as_bytes(), None, inclusion, key().public_key()).unwrap().to_string()
}

fn verify(bundle: &str) -> Result<Report, VerifyError> {
    verify_bundle(bundle.as_bytes(), None, None, None)
}

fn message<T: fmt::Debug>(result: Result<T, VerifyError>) -> String {
    result.expect_err("must be refused").to_string()
}

#[test]
fn the_documented_bundle_is_what_is_written_and_verifies() {
    let text = bundle();
    assert_eq!(documented(include_str!("../../../../docs/formats/bundle.md"), "bundle"), text);
    let report = verify_bundle(
        text.as_bytes(),
        Some(key().public_key()),
        Some(&Digest::of(b"3\n")),
        Some(log_with_receipt(20).0.checkpoint()),
    );
    let report = report.unwrap();
    assert_eq!(report.receipt, receipt());
    assert_eq!((report.sequence, report.checkpoint.size(), report.key_pinned), (17, 20, true));
    assert_eq!(report.output.as_deref(), Some("standard output"));
    assert_eq!(Bundle::parse(text.as_bytes()).unwrap().to_string(), text);
}

#[test]
fn the_documented_checkpoint_is_what_is_written() {
    let (log, _) = log_with_receipt(20);
    let document = include_str!("../../../../docs/formats/log.md");
    assert_eq!(documented(document, "checkpoint"), log.checkpoint().as_str());
    let key: NodePublicKey = documented(document, "key").trim_end().parse().unwrap();
    assert_eq!(key, *samples::key().public_key());
}

#[test]
fn every_changed_byte_of_a_bundle_is_refused_with_its_place() {
    let text = bundle();
    let at = |needle: &str| text.find(needle).unwrap();
    let sections = [
        (0, "bundle"),
        (at("key "), "key"),
        (at("receipt "), "receipt"),
        (at("entry "), "entry"),
        (at("leaf "), "leaf hash"),
        (at("\n\nc2sp") + 1, "bundle"),
        (at("c2sp.org"), "inclusion proof"),
        (text.rfind("\n\n— ").map(|end| text[..end].rfind("\n\n").unwrap() + 2).unwrap(), "checkpoint"),
    ];
    for index in 0..text.len() {
        let (_, section) = sections.iter().rev().find(|(start, _)| index >= *start).unwrap();
        for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] ^= mask;
            let message = message(verify_bundle(&bytes, None, None, None));
            // A line break that comes or goes moves the border between two sections.
            let torn = text.as_bytes()[index] == b'\n' || bytes[index] == b'\n';
            assert!(message.starts_with(section) || torn, "byte {index} ^ {mask} in {section}: {message}");
        }
    }
    for length in 0..text.len() {
        assert!(verify_bundle(&text.as_bytes()[..length], None, None, None).is_err(), "{length} bytes");
    }
    for longer in [format!("{text}\n"), format!("{text} "), format!("\n{text}"), text.replace('\n', "\r\n")] {
        verify(&longer).expect_err("longer");
    }
}

#[test]
fn parts_of_different_bundles_do_not_mix() {
    let text = bundle();
    let other_receipt = Receipt { attempt: 2, ..receipt() };
    let other = SignedReceipt::sign(other_receipt, &key()).unwrap();
    let own = SignedReceipt::sign(receipt(), &key()).unwrap();
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let swapped = text.replace(&base64(own.as_bytes()), &base64(other.as_bytes()));
    assert_eq!(message(verify(&swapped)), "receipt: the log entry does not name it");
    let elsewhere = text.replace("index 17", "index 16");
    assert_eq!(message(verify(&elsewhere)), "inclusion proof: it does not lead to the checkpoint");

    // A node that signs nonsense is refused too: the entry is about another task.
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    let event = crate::Event { resource: "task:another".to_owned(), ..receipt_event(&own) };
    log.append(&[Entry::new(0, log.head(), event).encode().unwrap()]).unwrap();
    let error = Bundle::new(own.as_bytes(), None, log.prove(0).unwrap(), key().public_key())
        .expect_err("another task");
    let BundleError::Mismatch(error) = error else { panic!("{error}") };
    assert_eq!(error.to_string(), "receipt: the log entry does not name it");
}

#[test]
fn a_bundle_signed_by_another_key_is_refused_if_the_right_one_is_known() {
    let other = Arc::new(NodeKey::from_seed(&[8; 32]));
    let forged = SignedReceipt::sign(receipt(), &other).unwrap();
    let mut log = Log::open(MemoryTiles::new(), other.clone()).unwrap();
    log.append(&[Entry::new(0, log.head(), receipt_event(&forged)).encode().unwrap()]).unwrap();
    let inclusion = log.prove(0).unwrap();
    let text =
        Bundle::new(forged.as_bytes(), None, inclusion.clone(), other.public_key()).unwrap().to_string();
    assert!(!verify(&text).unwrap().key_pinned);
    let error = message(verify_bundle(text.as_bytes(), Some(key().public_key()), None, None));
    assert_eq!(error, "key: it is not the key that was expected");

    // The right log, but a receipt that somebody else signed.
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    log.append(&[Entry::new(0, log.head(), receipt_event(&forged)).encode().unwrap()]).unwrap();
    let error = Bundle::new(forged.as_bytes(), None, log.prove(0).unwrap(), key().public_key());
    let Err(BundleError::Mismatch(error)) = error else { panic!("accepted") };
    assert_eq!(error.to_string(), "receipt: its signature does not hold");
}

#[test]
fn other_outputs_and_other_histories_are_refused() {
    let text = bundle();
    let digest = Digest::of(b"4\n");
    let error = message(verify_bundle(text.as_bytes(), None, Some(&digest), None));
    assert_eq!(error, format!("output: {digest} is not an output that the receipt names"));
    let fork = samples::log(20);
    let error = message(verify_bundle(text.as_bytes(), None, None, Some(fork.checkpoint())));
    assert_eq!(error, "known checkpoint: the log's history is not the one that it covers");
}

fn check(files: Files, known: Option<&Checkpoint>) -> Result<LogReport, VerifyError> {
    verify_log(&MemoryTiles::with(files), key().public_key(), known)
}

fn path(text: &str) -> TilePath {
    text.parse().unwrap()
}

/// Rewrites the entries of one bundle.
fn rewrite(files: &mut Files, bundle: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let file = files.get_mut(&path(bundle)).unwrap();
    let mut entries: Vec<_> = parse_entries(file).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    change(&mut entries);
    file.clear();
    entries.iter().for_each(|entry| push_entry(file, entry));
}

#[test]
fn an_untouched_log_verifies_at_every_size() {
    let mut log = Log::open(MemoryTiles::new(), key()).unwrap();
    let mut former = log.checkpoint().clone();
    for batch in entries(600).chunks(31) {
        let report = verify_log(log.store(), key().public_key(), Some(&former)).unwrap();
        assert_eq!((&report.checkpoint, report.head), (log.checkpoint(), log.head()));
        former = log.checkpoint().clone();
        log.append(batch).unwrap();
    }
}

#[test]
fn tampering_is_named() {
    let log = samples::log(300);
    let whole = log.store().files().clone();
    let tampered = |change: &dyn Fn(&mut Files)| {
        let mut files = whole.clone();
        change(&mut files);
        message(check(files, None))
    };
    let edit = |entries: &mut Vec<Vec<u8>>| {
        let mut entry = Entry::decode(&entries[17]).unwrap();
        entry.event.outcome = "never happened".to_owned();
        entries[17] = entry.encode().unwrap();
    };
    for (change, expected) in [
        (
            &(|files: &mut Files| rewrite(files, "tile/entries/000", edit)) as &dyn Fn(&mut Files),
            "entry 17: its hash is not the one in `tile/0/000`",
        ),
        (
            &|files: &mut Files| {
                rewrite(files, "tile/entries/000", |entries| {
                    let former = entries[255].clone();
                    entries.remove(17);
                    entries.push(former);
                });
            },
            "entry 17: it cannot stand where it stands",
        ),
        (
            &|files: &mut Files| rewrite(files, "tile/entries/000", |entries| entries.swap(16, 17)),
            "entry 16: it cannot stand where it stands",
        ),
        (
            &|files: &mut Files| {
                rewrite(files, "tile/entries/001.p/44", |entries| {
                    entries.pop();
                });
            },
            "tile/entries/001.p/44: it does not have its form: it is something else, or was cut or changed, perhaps its line endings",
        ),
        (
            &|files: &mut Files| {
                files.remove(&path("tile/entries/001.p/44"));
            },
            "tile/entries/001.p/44: it does not have its form: it is something else, or was cut or changed, perhaps its line endings",
        ),
        (
            &|files: &mut Files| files.get_mut(&path("tile/1/000.p/1")).unwrap()[0] ^= 1,
            "tile/1/000.p/1: it is not what the entries give",
        ),
        (
            &|files: &mut Files| {
                files.remove(&TilePath::Checkpoint);
            },
            "checkpoint: it is missing",
        ),
    ] {
        assert_eq!(tampered(change), expected);
    }
}

#[test]
fn a_log_that_went_back_or_was_rewritten_is_refused_by_a_known_checkpoint() {
    let mut log = samples::log(200);
    let old = log.store().files().clone();
    let early = log.checkpoint().clone();
    log.append(&entries_after((200, log.head()), 100, "stored")).unwrap();
    let known = log.checkpoint().clone();
    assert_eq!(
        message(check(old.clone(), Some(&known))),
        "known checkpoint: it covers 300 entries, but the log has 200: the log went back in time"
    );
    check(old, Some(&early)).unwrap();

    // The node's own key signs another history of the same and of a greater length.
    for count in [300, 400] {
        let mut fork = Log::open(MemoryTiles::new(), key()).unwrap();
        fork.append(&entries_after((0, Entry::NO_PREVIOUS), count, "never happened")).unwrap();
        let files = fork.store().files().clone();
        check(files.clone(), None).unwrap();
        assert_eq!(
            message(check(files, Some(&known))),
            "known checkpoint: the log's history is not the one that it covers"
        );
    }

    // Somebody else signs the same history.
    let mut resigned = Log::open(MemoryTiles::new(), Arc::new(NodeKey::from_seed(&[8; 32]))).unwrap();
    resigned.append(&entries(300)).unwrap();
    let error = message(check(resigned.store().files().clone(), None));
    assert_eq!(error, "checkpoint: it is no checkpoint of this log and key");
}

/// One random act of tampering with `files`; `fork` holds the files of another history under the same key.
fn tamper(random: &mut Random, files: &mut Files, fork: &Files) {
    let paths: Vec<TilePath> = files.keys().copied().collect();
    let any = paths[random.below(paths.len())];
    let other = paths[random.below(paths.len())];
    let bundle = ["tile/entries/000", "tile/entries/001.p/44"][random.below(2)];
    match random.below(9) {
        0 => {
            let file = files.get_mut(&any).unwrap();
            let place = random.below(file.len());
            file[place] ^= 1 << random.below(8);
        }
        1 => {
            let file = files.get_mut(&any).unwrap();
            let length = random.below(file.len());
            file.truncate(length);
        }
        2 => {
            let extra = random.below(64) + 1;
            files.get_mut(&any).unwrap().extend(vec![0; extra]);
        }
        3 => {
            files.remove(&any);
        }
        4 => {
            let bytes = files[&other].clone();
            files.insert(any, bytes);
        }
        5 => {
            files.insert(any, fork[&any].clone());
        }
        6 => rewrite(files, bundle, |entries| {
            let (one, two) = (random.below(entries.len()), random.below(entries.len()));
            entries.swap(one, two);
        }),
        7 => rewrite(files, bundle, |entries| {
            let (one, two) = (random.below(entries.len()), random.below(entries.len()));
            let moved = entries.remove(one);
            entries.insert(two.min(entries.len()), moved);
        }),
        _ => relink(random, files),
    }
}

/// Edits an entry and repairs everything that needs no key: the links after it, the bundles, the tiles.
fn relink(random: &mut Random, files: &mut Files) {
    let edited = u64::try_from(random.below(300)).unwrap();
    let mut edge = crate::log::Edge::new();
    for mut sample in entries(300).iter().map(|bytes| Entry::decode(bytes).unwrap()) {
        if sample.sequence == edited {
            sample.event.outcome = "never happened".to_owned();
        }
        sample.previous = edge.head();
        files.extend(edge.push(&sample.encode().unwrap()).unwrap());
    }
    files.extend(edge.partial_files());
}

#[test]
fn thousands_of_random_changes_are_all_refused() {
    let whole = samples::log(300).store().files().clone();
    let mut fork = Log::open(MemoryTiles::new(), key()).unwrap();
    fork.append(&entries_after((0, Entry::NO_PREVIOUS), 300, "never happened")).unwrap();
    let fork = fork.store().files().clone();
    let mut refused = 0;
    for seed in 1..=4000 {
        let mut random = Random(seed * 0x9E37_79B9);
        let mut files = whole.clone();
        for _ in 0..=random.below(3) {
            // Later changes may find a file gone or torn by an earlier one; then the first was enough.
            let before = files.clone();
            let torn = files.len() < whole.len()
                || ["tile/entries/000", "tile/entries/001.p/44"].iter().any(|bundle| {
                    parse_entries(&files[&path(bundle)]).is_none_or(|entries| entries.is_empty())
                })
                || files.values().any(Vec::is_empty);
            if torn {
                files = before;
                break;
            }
            tamper(&mut random, &mut files, &fork);
        }
        if files == whole {
            continue;
        }
        assert!(check(files, None).is_err(), "seed {seed}");
        refused += 1;
    }
    assert!(refused > 3500, "only {refused} changes were any");
}
