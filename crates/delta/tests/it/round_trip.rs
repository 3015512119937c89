//! Whatever is encoded comes back.

use casemate_delta::vcdiff::{EncodeOptions, Secondary};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::content::{edited, noise, prose};
use crate::{decoded, encoded};

const LZMA: Secondary = Secondary::Lzma { preset: 6 };

/// Encodes in every way, decodes, and returns the sizes of the deltas.
fn round_trip(target: &[u8], source: &[u8], window_bytes: usize) -> [usize; 2] {
    [Secondary::None, LZMA].map(|secondary| {
        let delta = encoded(target, source, &EncodeOptions { window_bytes, secondary, app_header: None });
        assert!(decoded(&delta, source).unwrap() == target, "{secondary:?}, windows of {window_bytes}");
        delta.len()
    })
}

#[test]
fn empty_equal_and_unlike_contents_come_back() {
    let (text, other) = (prose(1, 100_000), noise(2, 100_000));
    let cases: [(&str, &[u8], &[u8], usize); 7] = [
        ("both empty", b"", b"", 20),
        ("empty target", b"", &text, 20),
        ("empty source", &text, b"", 70_000),
        ("equal", &text, &text, 30),
        ("unlike", &other, &text, 100_100),
        ("one byte", b"a", b"b", 20),
        ("shorter than any key", b"abc", b"abc", 20),
    ];
    for (name, target, source, bytes_max) in cases {
        let [plain, _] = round_trip(target, source, 8 << 20);
        assert!(plain <= bytes_max, "{name}: {plain} bytes");
    }
}

#[test]
fn runs_and_patterns_become_short() {
    for pattern in [&b"\0"[..], b"ab", b"abcdefg"] {
        let target: Vec<u8> = pattern.iter().copied().cycle().take(1 << 20).collect();
        let [plain, _] = round_trip(&target, b"", 8 << 20);
        assert!(plain < 50, "{pattern:?}: {plain} bytes");
    }
}

#[test]
fn small_windows_come_back() {
    let source = prose(3, 60_000);
    let target = edited(&source, 4, 40);
    for window_bytes in [0, 7, 1000, 4096, 50_000] {
        let target = if window_bytes < 10 { &target[..2000] } else { &target };
        round_trip(target, &source, window_bytes);
    }
}

#[test]
fn contents_of_many_windows_and_far_moves_stay_small() {
    let source = noise(5, 70 << 20);
    // The halves change places: a window of 64 MB would see little of it.
    let (first, second) = source.split_at(35 << 20);
    let mut target = [second, first].concat();
    for at in (0..target.len()).step_by(1 << 20) {
        target[at] ^= 1;
    }
    let delta = encoded(&target, &source, &EncodeOptions::default());
    assert!(delta.len() < 4000, "{} bytes", delta.len());
    assert!(decoded(&delta, &source).unwrap() == target);
}

fn edit() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    (any::<usize>(), 0..200_usize, vec(any::<u8>(), 0..60))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_come_back(
        source in prop_oneof![vec(any::<u8>(), 0..3000), vec(0_u8..3, 0..3000)],
        edits in vec(edit(), 0..12),
        window_bytes in prop_oneof![Just(8_usize << 20), 1_usize..2000],
    ) {
        let mut target = source.clone();
        for (at, length, bytes) in edits {
            let at = at % (target.len() + 1);
            let end = target.len().min(at + length);
            target.splice(at..end, bytes);
        }
        round_trip(&target, &source, window_bytes);
    }
}
