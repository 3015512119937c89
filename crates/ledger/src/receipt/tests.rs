use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;
use crate::samples::{documented_hex, key, receipt};

#[test]
fn the_documented_example_is_what_is_written() {
    let document = documented_hex(include_str!("../../../../docs/formats/receipt.md"));
    assert_eq!(HEXLOWER.encode(&receipt().encode().unwrap()), HEXLOWER.encode(&document));
    assert_eq!(Receipt::decode(&document), Ok(receipt()));
}

#[test]
fn every_field_of_usage_and_limits_keeps_its_place() {
    let limits = RunLimits {
        wall_ms: 1,
        fuel: 2,
        memory_bytes: 3,
        table_elements: 4,
        instances: 5,
        stack_bytes: 6,
        output_bytes: 7,
        log_bytes: 8,
        compile_ms: 9,
        compile_memory_bytes: 10,
    };
    let original = Receipt { limits, ..receipt() };
    assert_eq!(Receipt::decode(&original.encode().unwrap()), Ok(original));
}

#[test]
fn every_flipped_bit_of_a_signed_receipt_is_refused() {
    let signed = SignedReceipt::sign(receipt(), &key()).unwrap();
    assert_eq!(signed.verify(key().public_key()), Ok(()));
    for index in 0..signed.as_bytes().len() {
        let mut flipped = signed.as_bytes().to_vec();
        flipped[index] ^= 1 << (index % 8);
        if let Ok(flipped) = SignedReceipt::decode(&flipped) {
            assert_eq!(
                flipped.receipt().encode().unwrap(),
                flipped.as_bytes()[9..flipped.as_bytes().len() - 64]
            );
            assert_eq!(flipped.verify(key().public_key()), Err(BadSignature), "byte {index}");
        }
    }
    let other = NodeKey::from_seed(&[8; 32]);
    assert_eq!(signed.verify(other.public_key()), Err(BadSignature));
}

#[test]
fn what_a_guest_names_cannot_keep_its_receipt_from_being_signed() {
    let hostile = "\u{1b}[2J\\\n".repeat(2000);
    let files: Vec<_> =
        (0..Receipt::FILES_MAX).map(|number| (format!("{number:04}{hostile}"), Digest::of(b""))).collect();
    let original = Receipt {
        output_files: files.iter().rev().cloned().collect(),
        outcome: Outcome::Refused(hostile),
        ..receipt()
    };
    let signed = SignedReceipt::sign(original.clone(), &key()).unwrap();
    assert_eq!(SignedReceipt::decode(signed.as_bytes()).unwrap(), signed);
    let (path, _) = &signed.receipt().output_files[0];
    assert!(path.starts_with("0000\\u{1b}[2J\\\\\\u{a}") && path.ends_with("\\…"), "{path}");
    let mut more = original;
    more.output_files.push(("one more".to_owned(), Digest::of(b"")));
    let error = SignedReceipt::sign(more, &key()).expect_err("too many files");
    assert_eq!(error, EncodeError::TooLong { field: "output files", length: 4097, max: 4096 });
}

#[test]
fn outputs_are_found_by_digest() {
    let original = Receipt { output_files: vec![("a.png".to_owned(), Digest::of(b"picture"))], ..receipt() };
    assert_eq!(original.output_named(&Digest::of(b"3\n")), Some("standard output"));
    assert_eq!(original.output_named(&Digest::of(b"counted")), Some("standard error"));
    assert_eq!(original.output_named(&Digest::of(b"picture")), Some("a.png"));
    assert_eq!(original.output_named(&Digest::of(b"4\n")), None);
}

#[test]
fn invocations_that_differ_in_framing_differ() {
    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let digests = [
        invocation_digest(&text(&["ab", "c"]), &[]),
        invocation_digest(&text(&["a", "bc"]), &[]),
        invocation_digest(&text(&["abc"]), &[]),
        invocation_digest(&[], &pair("ab", "c")),
        invocation_digest(&[], &pair("a", "bc")),
    ];
    for (index, digest) in digests.iter().enumerate() {
        assert!(!digests[..index].contains(digest), "{index}");
    }
}

#[test]
fn levels_say_what_was_done() {
    let words: Vec<_> = [
        Level::Reported,
        Level::Signed,
        Level::ReExecuted,
        Level::Replicated { agreed: 2, nodes: 3 },
        Level::Proved,
    ]
    .map(|level| {
        let original = Receipt { level, ..receipt() };
        assert_eq!(Receipt::decode(&original.encode().unwrap()), Ok(original));
        level.to_string()
    })
    .into();
    assert_eq!(words, ["L0 reported", "L1 signed", "L2 re-executed", "L3 replicated 2 of 3", "L4 proved"]);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..900), head: bool) {
        if head {
            bytes.splice(..0, *b"CMRC\x01");
        }
        if let Ok(receipt) = Receipt::decode(&bytes) {
            prop_assert_eq!(receipt.encode(), Ok(bytes.clone()));
        }
        let _ = SignedReceipt::decode(&bytes);
    }

    #[test]
    fn mangled_receipts_never_panic(places in proptest::collection::vec((0usize..900, any::<u8>()), 1..8)) {
        let mut bytes = receipt().encode().unwrap();
        for (place, byte) in places {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(receipt) = Receipt::decode(&bytes) {
            prop_assert_eq!(receipt.encode(), Ok(bytes));
        }
    }
}
