//! Whatever bytes come: either nothing is seen through, or exactly they come back.
#![expect(clippy::cast_possible_truncation, reason = "the numbers of these tests are small")]

use proptest::prelude::*;

use super::search::Deflaters;
use super::tokens::Tokens;
use super::zlib::{self, Settings};
use super::*;
use crate::{Limits, Policy};

/// Text with repetitions near and far, the same for the same seed.
fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut text: Vec<u8> = Vec::new();
    while text.len() < length {
        let roll = next();
        let (back, count) = ((roll >> 8) as usize % 40_000 + 1, (roll >> 32) as usize % 40);
        if roll.is_multiple_of(3) && back <= text.len() {
            let from = text.len() - back;
            for at in from..from + count {
                text.push(text[at]);
            }
        } else {
            text.extend(roll.to_le_bytes().map(|byte| byte % 23 + b'a').into_iter().take(count % 9));
        }
    }
    text.truncate(length);
    text
}

fn settings(level: u8, memory: u8, window_bits: u8, strategy: u8) -> Settings {
    Settings { level, memory, window_bits, strategy }
}

fn deflate(plain: &[u8], settings: Settings) -> Vec<u8> {
    Deflaters::default().make(settings, plain, usize::MAX).unwrap()
}

fn gzip(plain: &[u8], settings: Settings) -> Vec<u8> {
    let mut content = vec![0x1f, 0x8b, 8, 8, 1, 2, 3, 4, 2, 3];
    content.extend(b"name.tar\0");
    content.extend(deflate(plain, settings));
    content.extend(crc32fast::hash(plain).to_le_bytes());
    content.extend(u32::try_from(plain.len()).unwrap().to_le_bytes());
    content
}

/// A member of an archive, with everything that can be odd about it.
#[derive(Clone, Debug)]
struct Member {
    name: Vec<u8>,
    plain: Vec<u8>,
    stored: bool,
    flags: u16,
    level: u8,
    wide: bool,
    size_lie: u32,
}

impl Member {
    fn of(name: &str, plain: &[u8]) -> Self {
        let name = name.as_bytes().to_vec();
        Self { name, plain: plain.to_vec(), stored: false, flags: 0, level: 6, wide: false, size_lie: 0 }
    }

    fn packed(&self) -> Vec<u8> {
        if self.stored { self.plain.clone() } else { deflate(&self.plain, settings(self.level, 8, 15, 0)) }
    }
}

fn zip(members: &[Member]) -> Vec<u8> {
    let (mut content, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let packed = member.packed();
        let (size, plain) = (packed.len() as u32 + member.size_lie, member.plain.len() as u32);
        let offset = content.len() as u32;
        let mut common = vec![20, 0];
        common.extend(member.flags.to_le_bytes());
        common.extend(if member.stored { [0, 0] } else { [8, 0] });
        common.extend([1, 2, 3, 4]);
        common.extend(crc32fast::hash(&member.plain).to_le_bytes());
        let mut extra = Vec::new();
        if member.wide {
            common.extend([0xff; 8]);
            extra.extend([1, 0, 16, 0]);
            extra.extend(u64::from(plain).to_le_bytes());
            extra.extend(u64::from(size).to_le_bytes());
        } else {
            common.extend(size.to_le_bytes());
            common.extend(plain.to_le_bytes());
        }
        common.extend((member.name.len() as u16).to_le_bytes());
        content.extend(b"PK\x03\x04");
        content.extend(&common);
        content.extend([0, 0]);
        content.extend(&member.name);
        content.extend(&packed);
        if member.flags & 8 != 0 {
            content.extend(b"PK\x07\x08123456789012");
        }
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend((extra.len() as u16).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(&member.name);
        directory.extend(&extra);
    }
    let start = content.len() as u32;
    content.extend(&directory);
    content.extend(b"PK\x05\x06\0\0\0\0");
    content.extend([(members.len() as u16).to_le_bytes(); 2].concat());
    content.extend((directory.len() as u32).to_le_bytes());
    content.extend(start.to_le_bytes());
    content.extend([0, 0]);
    content
}

fn opened(content: &[u8]) -> Opened {
    Opened::new([7; 32], content.to_vec(), &Limits::default()).unwrap()
}

/// The steps that content was taken apart into, after it was put together again; none if it was not seen through.
#[track_caller]
fn round_trip(content: &[u8], base: Option<&Opened>, policy: Policy) -> Option<Vec<recipe::How>> {
    let limits = Limits::default();
    let parts = unwrap(content, base, policy, &limits, Proof::Whole)?;
    let mut again = Vec::new();
    let written = rewrap(&parts, base, &limits, &mut again).unwrap();
    assert!(again == content && written == content.len() as u64, "the content came back changed");
    let recipe = Recipe::parse(&parts.recipe, base.map_or(&[], Opened::streams), &limits).unwrap();
    Some(recipe.steps.iter().map(|step| step.how).collect())
}

#[test]
fn every_setting_of_zlib_comes_back_by_settings_or_tokens() {
    let plain = text(1, 200_000);
    for (level, memory, window_bits, strategy) in [
        (1, 8, 15, 0),
        (3, 9, 15, 0),
        (6, 8, 15, 0),
        (9, 9, 15, 0),
        (6, 1, 15, 0),
        (6, 8, 9, 0),
        (6, 8, 15, 4),
        (6, 8, 15, 3),
    ] {
        let content = gzip(&plain, settings(level, memory, window_bits, strategy));
        let searched = strategy == 0 && window_bits == 15 && memory >= 8;
        let steps = round_trip(&content, None, Policy::Size).unwrap();
        let by_settings = matches!(steps[..], [recipe::How::Settings { .. }]);
        assert!(
            by_settings == searched && steps.len() == 1,
            "{level} {memory} {window_bits} {strategy}: {steps:?}"
        );
        let steps = round_trip(&content, None, Policy::Speed).unwrap();
        assert!(matches!(steps[..], [recipe::How::Tokens { .. }]), "{steps:?}");
    }
}

#[test]
fn what_is_in_the_base_is_copied_and_what_changed_leans_on_it() {
    let mut members: Vec<Member> =
        (0..40).map(|n| Member::of(&format!("tree/file{n}.py"), &text(n, 3_000))).collect();
    members.push(Member::of("tree/long.so", &text(99, 900_000)));
    let base = opened(&zip(&members));
    members[7].plain.splice(100..101, *b"changed");
    members[8].name = b"tree/renamed.py".to_vec();
    members[40].plain.splice(5_000..5_001, *b"changed");
    let next = zip(&members);
    for policy in [Policy::Size, Policy::Balanced, Policy::Speed] {
        let steps = round_trip(&next, Some(&base), policy).unwrap();
        let copies = steps.iter().filter(|how| matches!(how, recipe::How::Copy { .. })).count();
        assert_eq!(copies, 39);
        assert!(matches!(
            steps[7],
            recipe::How::Settings { like: Some(7), .. } | recipe::How::Tokens { like: Some(7), .. }
        ));
        let tokens = matches!(steps[40], recipe::How::Tokens { like: Some(40), .. });
        assert_eq!(tokens, policy != Policy::Size, "{policy:?} {:?}", steps[40]);
    }
}

#[test]
fn odd_archives_come_back_or_stay_whole() {
    let plain = text(5, 20_000);
    let member = || Member::of("a", &plain);
    let long = || Member { wide: true, ..Member::of("wide", &plain) };
    let with = |change: &dyn Fn(&mut Member)| {
        let mut odd = member();
        change(&mut odd);
        zip(&[member(), odd, Member::of("end", &text(6, 500))])
    };
    let archives = [
        ("plain", zip(&[member()]), Some(1)),
        ("none", zip(&[]), None),
        ("empty member", with(&|odd| odd.plain.clear()), Some(3)),
        ("stored", with(&|odd| odd.stored = true), Some(2)),
        ("encrypted", with(&|odd| odd.flags = 1), Some(2)),
        ("size follows", with(&|odd| odd.flags = 8), Some(3)),
        ("zip64", zip(&[member(), long()]), Some(2)),
        ("too long by a little", with(&|odd| odd.size_lie = 5), Some(2)),
        ("too long by far", with(&|odd| odd.size_lie = 1 << 30), Some(2)),
        ("in front", [b"#!/bin/sh\n".repeat(9), zip(&[member()])].concat(), None),
        ("behind", [zip(&[member()]), b"more".repeat(9)].concat(), Some(1)),
        ("gzip behind", [gzip(&plain, settings(6, 8, 15, 0)), b"more".to_vec()].concat(), None),
        ("two gzips", gzip(&plain, settings(6, 8, 15, 0)).repeat(2), None),
        ("no deflate", [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &text(8, 900)].concat(), None),
    ];
    for (name, content, streams) in archives {
        let found = round_trip(&content, None, Policy::Balanced).map(|steps| steps.len());
        assert_eq!(found, streams, "{name}");
        let found = round_trip(&content, Some(&opened(&zip(&[member(), long()]))), Policy::Balanced);
        assert_eq!(found.map(|steps| steps.len()), streams, "{name}");
        // On itself, even what is no deflate is copied.
        round_trip(&content, Some(&opened(&content)), Policy::Balanced);
    }
}

#[test]
fn a_cut_archive_is_read_by_the_headers_of_its_members() {
    let archive = zip(&[Member::of("a", &text(1, 9_000)), Member::of("b", &text(2, 9_000))]);
    for end in (0..archive.len()).step_by(97) {
        round_trip(&archive[..end], None, Policy::Balanced);
    }
    let first_and_a_half = archive.len() * 2 / 3;
    assert_eq!(round_trip(&archive[..first_and_a_half], None, Policy::Size).unwrap().len(), 1);
}

#[test]
fn bombs_stay_whole() {
    let zeros = vec![0; 40 << 20];
    let bomb = gzip(&zeros, settings(9, 8, 15, 0));
    assert!(bomb.len() < 50_000);
    let limits = Limits { plain_bytes_max: 32 << 20, ..Limits::default() };
    assert_eq!(unwrap(&bomb, None, Policy::Balanced, &limits, Proof::Whole), None);
    // Members that share their bytes: an overlap is seen once.
    let mut archive = zip(&[Member::of("a", &zeros[..1 << 20])]);
    let directory = archive.len() - 22 - 47;
    let entry = archive[directory..directory + 47].repeat(9_999);
    archive.splice(directory..directory, entry);
    assert_eq!(round_trip(&archive, None, Policy::Balanced).unwrap().len(), 1);
    let many = zip(&vec![Member::of("m", b"many"); 100]);
    let limits = Limits { streams_max: 99, ..Limits::default() };
    assert_eq!(unwrap(&many, None, Policy::Balanced, &limits, Proof::Whole), None);
    let limits = Limits { content_bytes_max: many.len() - 1, ..Limits::default() };
    assert_eq!(unwrap(&many, None, Policy::Balanced, &limits, Proof::Whole), None);
}

#[test]
fn a_plaintext_that_would_be_searched_for_hours_is_given_up() {
    // Every three bytes stand everywhere, and every match is the farthest: each search walks the whole window.
    let plain: Vec<u8> =
        (0..400_000_u32).flat_map(|n| [b'a', b'b', b'c', (n >> 3) as u8 | 128, n as u8]).collect();
    for (level, strategy) in [(9, 0), (6, 4), (1, 1)] {
        let stream = deflate(&plain, settings(level, 8, 15, strategy));
        let tokens = Tokens::parse(&stream, Some(&plain)).unwrap();
        assert_eq!(tokens.columns().rebuild(&plain).unwrap(), stream);
    }
}

#[test]
fn inflating_stops_where_it_must() {
    let plain = text(3, 50_000);
    let stream = deflate(&plain, settings(6, 8, 15, 0));
    for (expected, max, fits) in
        [(0, 50_000, true), (usize::MAX, 60_000, true), (50_000, 49_999, false), (7, 0, false)]
    {
        assert_eq!(
            zlib::inflate(&stream, expected, max).is_some_and(|inflated| inflated == plain),
            fits,
            "{expected} {max}"
        );
    }
    assert_eq!(zlib::inflate(&[&stream[..], b"x"].concat(), 50_000, 50_000), None);
    assert_eq!(zlib::inflate(&stream[..stream.len() - 1], 50_000, 50_000), None);
}

fn member() -> impl Strategy<Value = Member> {
    let odd =
        (any::<bool>(), prop_oneof![5 => Just(0_u16), 1 => Just(1), 1 => Just(8)], 1..10_u8, any::<bool>());
    let lie = prop_oneof![9 => Just(0), 1 => 0..100_u32];
    ("[a-c/.]{0,6}", 0..30_u64, 0..6_000_usize, odd, lie).prop_map(|(name, seed, length, odd, size_lie)| {
        let (stored, flags, level, wide) = odd;
        Member {
            stored: stored && size_lie == 0,
            flags,
            level,
            wide,
            size_lie,
            ..Member::of(&name, &text(seed, length))
        }
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Size), Just(Policy::Balanced), Just(Policy::Speed)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_archive_comes_back_on_any_base(
        members in prop::collection::vec(member(), 0..6),
        others in prop::collection::vec(member(), 0..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        policy in policy(),
    ) {
        let base = opened(&zip(&others));
        let mut content = zip(&members);
        round_trip(&content, Some(&base), policy);
        for (at, byte) in damage {
            let at = at.index(content.len());
            content[at] = byte;
        }
        round_trip(&content, Some(&base), policy);
        round_trip(&content, None, policy);
        round_trip(base.content(), Some(&opened(&content)), policy);
    }

    #[test]
    fn any_deflate_comes_back(seed in 0..99_u64, length in 0..120_000_usize, level in 1..10_u8, memory in 1..10_u8, strategy in 0..5_u8) {
        let plain = text(seed, length);
        let stream = deflate(&plain, settings(level, memory, 15, strategy));
        let tokens = Tokens::parse(&stream, Some(&plain)).unwrap();
        let mut columns = tokens.columns();
        prop_assert!(columns.rebuild(&plain).unwrap() == stream);
        prop_assert!(columns.is_empty());
        let mut columns = tokens.columns();
        columns.skip().unwrap();
        prop_assert!(columns.is_empty());
    }

    #[test]
    fn foreign_tokens_make_something_or_nothing(
        blocks in prop::collection::vec(any::<u8>(), 0..200),
        matches in prop::collection::vec(any::<u8>(), 0..99),
        odd in prop::collection::vec(any::<u8>(), 0..99),
    ) {
        let tokens = Tokens { blocks, matches, odd };
        let plain = text(4, 500);
        tokens.columns().rebuild(&plain);
        tokens.columns().skip();
        let parts = Parts { recipe: tokens.blocks.clone(), raw: plain.clone(), plain, tokens };
        let _ = rewrap(&parts, None, &Limits::default(), &mut std::io::sink());
    }
}
