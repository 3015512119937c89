use casemate_model::PrincipalKind;
use proptest::prelude::*;

use super::*;
use crate::samples::{documented_hex, event};

#[test]
fn the_documented_example_is_what_is_written() {
    let entry = Entry::new(17, Digest::of(b"the entry before"), event());
    let document = documented_hex(include_str!("../../../../docs/formats/entry.md"));
    assert_eq!(
        data_encoding::HEXLOWER.encode(&entry.encode().unwrap()),
        data_encoding::HEXLOWER.encode(&document)
    );
    assert_eq!(Entry::decode(&document), Ok(entry));
}

#[test]
fn every_flipped_bit_is_refused_or_is_another_entry() {
    let bytes = Entry::new(17, Digest::of(b"the entry before"), event()).encode().unwrap();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1 << bit;
            if let Ok(entry) = Entry::decode(&flipped) {
                assert_eq!(entry.encode().as_ref(), Ok(&flipped), "byte {index} bit {bit}");
            }
        }
    }
}

#[test]
fn what_is_cut_or_longer_is_refused() {
    let bytes = Entry::new(17, Entry::NO_PREVIOUS, event()).encode().unwrap();
    for length in 0..bytes.len() {
        assert!(Entry::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Entry::decode(&longer), Err(DecodeError::Trailing { count: 1 }));
    let huge = vec![0; Entry::BYTES_MAX + 1];
    assert_eq!(Entry::decode(&huge), Err(DecodeError::TooLarge { length: 65_536, max: 65_535 }));
    assert_eq!(Entry::decode(b"CMLE\x02"), Err(DecodeError::Kind { noun: "log entry", version: 1 }));
}

#[test]
fn hostile_texts_enter_the_log_escaped() {
    let hostile = "\u{1b}]0;pwned\u{7}\n\u{202e}fdp.exe\u{2028}\\".repeat(400);
    let mut event = event();
    event.resource.clone_from(&hostile);
    event.outcome = hostile.clone();
    event.details = (0..32).map(|number| (format!("key {number}"), hostile.clone())).collect();
    let entry = Entry::new(0, Entry::NO_PREVIOUS, event);
    let bytes = entry.encode().unwrap();
    assert_eq!(Entry::decode(&bytes).as_ref(), Ok(&entry));
    assert!(entry.event.outcome.starts_with("\\u{1b}]0;pwned\\u{7}\\u{a}\\u{202e}fdp.exe\\u{2028}\\\\"));
    assert!(entry.event.outcome.ends_with("\\…"));
}

#[test]
fn what_is_not_canonical_is_not_written() {
    let plain = |event: Event| Entry { sequence: 0, previous: Entry::NO_PREVIOUS, event }.encode();
    let detail = |key: &str| (key.to_owned(), String::new());
    let unsorted = Event { details: vec![detail("b"), detail("a")], ..event() };
    assert_eq!(plain(unsorted), Err(EncodeError::NotSorted { field: "details", key: "a".to_owned() }));
    let twice = Event { details: vec![detail("a"), detail("a")], ..event() };
    assert_eq!(plain(twice), Err(EncodeError::NotSorted { field: "details", key: "a".to_owned() }));
    let many = Event { details: (0..33).map(|number| detail(&number.to_string())).collect(), ..event() };
    assert_eq!(plain(many), Err(EncodeError::TooLong { field: "details", length: 33, max: 32 }));
    let control = Event { outcome: "a\nb".to_owned(), ..event() };
    assert_eq!(plain(control), Err(EncodeError::NotPlain { field: "outcome" }));
    let long = Event { resource: "r".repeat(4097), ..event() };
    assert_eq!(plain(long), Err(EncodeError::TooLong { field: "resource", length: 4097, max: 4096 }));
}

fn any_event() -> impl Strategy<Value = Event> {
    let texts = (".{0,40}", ".{0,80}", ".{0,80}");
    let details = proptest::collection::btree_map(".{0,9}", ".{0,30}", 0..5);
    let actors = prop_oneof![
        Just(PrincipalKind::Anonymous),
        Just(PrincipalKind::Node),
        any::<u32>().prop_map(PrincipalKind::LocalUser),
    ];
    (texts, details, actors, any::<bool>()).prop_map(
        |((action, resource, outcome), details, actor, allowed)| Event {
            actor,
            action: action.into(),
            resource,
            decision: if allowed { Decision::Allowed } else { Decision::Denied },
            outcome,
            details: details.into_iter().collect(),
            ..event()
        },
    )
}

proptest! {
    #[test]
    fn any_event_round_trips(sequence: u64, previous: [u8; 32], event in any_event()) {
        let entry = Entry::new(sequence, Digest::from_bytes(previous), event);
        let bytes = entry.encode().unwrap();
        prop_assert_eq!(Entry::decode(&bytes), Ok(entry));
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), head: bool) {
        if head {
            bytes.splice(..0, *b"CMLE\x01");
        }
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode(), Ok(bytes));
        }
    }

    #[test]
    fn mangled_entries_never_panic(places in proptest::collection::vec((0usize..300, any::<u8>()), 1..8)) {
        let mut bytes = Entry::new(17, Entry::NO_PREVIOUS, event()).encode().unwrap();
        for (place, byte) in places {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode(), Ok(bytes));
        }
    }
}
