//! Damaged and hostile deltas end in an error, or in the right content; never in a panic, nor in more than the limits.

use casemate_delta::vcdiff::{DecodeError, EncodeOptions, LimitKind, Limits, Secondary, WindowFault};

use crate::content::{edited, prose};
use crate::{decoded_with, encoded};

fn limits(output_bytes_max: u64) -> Limits {
    Limits { window_bytes_max: 20_000, section_bytes_max: 20_000, ..Limits::for_output(output_bytes_max) }
}

/// Deltas of one window and of several, plain and compressed.
fn deltas(target: &[u8], source: &[u8]) -> Vec<Vec<u8>> {
    let ways = [(Secondary::None, 20_000), (Secondary::Lzma { preset: 6 }, 20_000), (Secondary::None, 1500)];
    let app_header = Some(b"target//source/".to_vec());
    ways.map(|(secondary, window_bytes)| {
        let options = EncodeOptions { window_bytes, secondary, app_header: app_header.clone() };
        encoded(target, source, &options)
    })
    .to_vec()
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let source = prose(1, 4000);
    let target = edited(&source, 2, 6);
    for delta in deltas(&target, &source) {
        for at in 0..delta.len() {
            for flip in [1_u8, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff] {
                let mut damaged = delta.clone();
                damaged[at] ^= flip;
                if let Ok((decoded, _)) = decoded_with(&damaged, &source, &limits(20_000)) {
                    assert!(decoded == target, "byte {at} of {}, flipped by {flip:#x}", delta.len());
                }
            }
        }
    }
}

#[test]
fn cut_off_deltas_are_noticed_or_end_between_windows() {
    let source = prose(1, 4000);
    let target = edited(&source, 2, 6);
    for delta in deltas(&target, &source) {
        for length in 0..delta.len() {
            if let Ok((decoded, _)) = decoded_with(&delta[..length], &source, &limits(20_000)) {
                assert!(decoded.len() % 1500 == 0 && target.starts_with(&decoded), "cut at {length}");
            }
        }
    }
}

/// A header, one window without source and checksum, and its sections.
fn window(target_bytes: &[u8], indicator: u8, [data, instructions, addresses]: [&[u8]; 3]) -> Vec<u8> {
    let short = |section: &[u8]| u8::try_from(section.len()).unwrap();
    let lengths = [indicator, short(data), short(instructions), short(addresses)];
    let encoding = [target_bytes, &lengths, data, instructions, addresses].concat();
    [&[0xd6, 0xc3, 0xc4, 0, 1, 2, 0, short(&encoding)], &encoding[..]].concat()
}

#[test]
fn each_limit_is_named() {
    const MANY: &[u8] = &[0x8f, 0xff, 0xff, 0xff, 0x7f];
    let run = |size: &[u8]| [&[0], size].concat();
    let cases = [
        ("window", window(&[0x81, 0x9c, 0x21], 0, [b"a", &run(&[0x81, 0x9c, 0x21]), b""]), LimitKind::Window),
        ("output", window(MANY, 0, [b"a", &run(MANY), b""]), LimitKind::Output),
        ("section", window(&[1], 1, [MANY, &[2], b""]), LimitKind::Section),
        ("header", vec![0xd6, 0xc3, 0xc4, 0, 4, 0xc0, 0x00], LimitKind::AppHeader),
    ];
    for (name, delta, expected) in cases {
        let error = decoded_with(&delta, b"", &limits(100_000)).unwrap_err();
        assert!(
            matches!(error, DecodeError::LimitReached { kind, .. } if kind == expected),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn many_windows_do_not_get_past_the_limit_of_the_output() {
    let target = vec![7; 5000];
    let delta = encoded(&target, b"", &EncodeOptions { window_bytes: 1000, ..EncodeOptions::default() });
    let mut written = Vec::new();
    let error = casemate_delta::vcdiff::decode(&delta, b"", &limits(3500), &mut written).unwrap_err();
    assert_eq!(error.to_string(), "the output takes 4000 bytes, 3500 are allowed");
    assert_eq!(written, target[..3000], "what fits was written");
}

#[test]
fn malformed_windows_are_told_apart() {
    use casemate_delta::vcdiff::SectionKind::{Addresses, Data, Instructions};
    let cases = [
        (window(&[1], 0, [b"a", &[], b""]), WindowFault::TargetUnderrun),
        (window(&[1], 0, [b"ab", &[3], b""]), WindowFault::TargetOverrun),
        (window(&[1], 0, [b"ab", &[2], b""]), WindowFault::SectionLeftOver(Data)),
        (window(&[1], 0, [b"a", &[2], b"x"]), WindowFault::SectionLeftOver(Addresses)),
        (window(&[2], 0, [b"a", &[3], b""]), WindowFault::SectionExhausted(Data)),
        (window(&[2], 0, [b"a", &[1], b""]), WindowFault::SectionExhausted(Instructions)),
        (window(&[5], 0, [b"a", &[2, 20], b""]), WindowFault::SectionExhausted(Addresses)),
        (window(&[5], 0, [b"a", &[2, 20], &[1]]), WindowFault::AddressOutOfRange),
        (window(&[5], 0, [b"a", &[2, 36], &[2]]), WindowFault::AddressOutOfRange),
        (window(&[1], 8, [b"a", &[2], b""]), WindowFault::Lengths),
        (window(&[1], 1, [&[21, 1, 2], &[2], b""]), WindowFault::LzmaLength(Data)),
    ];
    for (delta, expected) in cases {
        let error = decoded_with(&delta, b"", &limits(100)).unwrap_err();
        let DecodeError::Window { window: 0, fault } = error else { panic!("{error:?}, not {expected:?}") };
        assert_eq!(fault, expected, "{delta:x?}");
    }
}

#[test]
fn a_compressed_bomb_gives_no_more_than_it_says() {
    let target = vec![0; 10_000];
    let lzma = EncodeOptions { secondary: Secondary::Lzma { preset: 6 }, ..EncodeOptions::default() };
    // A megabyte of instructions that do little, in some hundred bytes.
    let noisy: Vec<u8> = (0..10_000_u32).flat_map(|number| (number % 251).to_le_bytes()).collect();
    let delta = encoded(&noisy, &target, &lzma);
    let error =
        decoded_with(&delta, &target, &Limits { section_bytes_max: 100, ..Limits::for_output(1 << 20) });
    let error = error.unwrap_err();
    assert!(
        matches!(error, DecodeError::LimitReached { kind: LimitKind::Section, max: 100, .. }),
        "{error:?}"
    );
    let error =
        decoded_with(&delta, &target, &Limits { lzma_memory_bytes_max: 1000, ..Limits::for_output(1 << 20) });
    let error = error.unwrap_err();
    assert!(matches!(error, DecodeError::Window { fault: WindowFault::Lzma(..), .. }), "{error:?}");
}
