//! Packed bytes come back, or are refused; damage is never taken for content.
#![expect(clippy::cast_possible_truncation, reason = "the numbers of these tests are small")]

use proptest::prelude::*;

use super::*;

/// Two versions of an archive, made here so that the tests need no files.
fn versions() -> (Vec<u8>, Vec<u8>) {
    let file = |seed: usize| (0..4_000).map(|n| (n * n / (seed + 7) % 61) as u8 + b' ').collect::<Vec<u8>>();
    let mut files: Vec<(String, Vec<u8>)> = (0..12).map(|n| (format!("src/{n}.rs"), file(n))).collect();
    let first = archive(&files);
    files[3].1.splice(10..12, *b"changed");
    files[9].1.truncate(3_000);
    (first, archive(&files))
}

/// An archive without a directory: headers and members.
fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, plain) in files {
        let stream = through::deflated(plain, 6);
        content.extend(b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0");
        content.extend(crc32fast::hash(plain).to_le_bytes());
        content.extend((stream.len() as u32).to_le_bytes());
        content.extend((plain.len() as u32).to_le_bytes());
        content.extend((name.len() as u32).to_le_bytes());
        content.extend(name.as_bytes());
        content.extend(stream);
    }
    content
}

fn opened(digest: u8, content: &[u8]) -> Opened {
    Opened::new([digest; 32], content.to_vec(), &Limits::default()).unwrap()
}

fn unpacked(packed: &[u8], base: Option<&Opened>) -> Result<Vec<u8>, UnpackError> {
    let mut content = Vec::new();
    let written = unpack(packed, base, &Limits::default(), &mut content)?;
    assert_eq!(written, content.len() as u64);
    Ok(content)
}

/// One packed form of each method, with what it is of and on.
fn forms() -> Vec<(Vec<u8>, Vec<u8>, Option<Opened>)> {
    let (first, next) = versions();
    let text = b"the same words over and over; ".repeat(99);
    let longer = [&text[..], b"and an end"].concat();
    let mut forms = Vec::new();
    for (content, base) in
        [(first.clone(), None), (next, Some(first)), (text.clone(), None), (longer, Some(text))]
    {
        let base = base.map(|base| opened(7, &base));
        let packed = pack(&content, base.as_ref(), &Options::default()).unwrap();
        forms.push((packed.bytes, content, base));
    }
    forms
}

#[test]
fn each_method_is_taken_where_it_is_the_smallest() {
    let methods: Vec<u8> = forms().iter().map(|(packed, ..)| packed[9]).collect();
    assert_eq!(methods, [3, 4, 1, 2]);
    for (packed, content, opened) in forms() {
        assert_eq!(unpacked(&packed, opened.as_ref()).unwrap(), content);
        let named = base(&packed, &Limits::default()).unwrap();
        assert_eq!(named, opened.as_ref().map(|opened| *opened.digest()));
    }
    let (_, next) = versions();
    assert!(forms()[1].0.len() < next.len() / 8, "{} of {}", forms()[1].0.len(), next.len());
}

#[test]
fn the_least_contents_come_back() {
    let base = opened(1, b"base");
    for content in [&b""[..], b"x", b"PK\x05\x06", b"\x1f\x8b\x08"] {
        for base in [None, Some(&base)] {
            let packed = pack(content, base, &Options::default()).unwrap();
            assert_eq!(unpacked(&packed.bytes, base).unwrap(), content);
        }
    }
}

#[test]
fn another_base_is_refused() {
    for (packed, content, base) in forms() {
        let Some(base) = base else { continue };
        assert!(matches!(unpacked(&packed, None), Err(UnpackError::Base)));
        let other = opened(8, base.content());
        assert!(matches!(unpacked(&packed, Some(&other)), Err(UnpackError::Base)));
        // A base under a digest that is not its own: whatever comes out is noticed.
        for wrong in [&b"short"[..], &content, &base.content()[..base.content().len() - 5]] {
            let outcome = unpacked(&packed, Some(&opened(7, wrong)));
            assert!(outcome.is_err() || outcome.is_ok_and(|same| same == content));
        }
    }
}

#[test]
fn no_damage_is_taken_for_content() {
    for (packed, content, base) in forms() {
        for at in 0..packed.len() {
            for flip in [1, 0x55, 0x80] {
                let mut damaged = packed.clone();
                damaged[at] ^= flip;
                let outcome = unpacked(&damaged, base.as_ref());
                assert!(outcome.is_err() || outcome.is_ok_and(|same| same == content), "byte {at}");
            }
        }
        for end in (0..packed.len()).step_by(1 + packed.len() / 500) {
            unpacked(&packed[..end], base.as_ref()).unwrap_err();
        }
        unpacked(&[&packed[..], b"x"].concat(), base.as_ref()).unwrap_err();
    }
}

#[test]
fn lengths_that_lie_get_no_memory() {
    let limits = Limits { content_bytes_max: 1 << 20, plain_bytes_max: 1 << 20, streams_max: 100 };
    for (packed, _, base) in forms() {
        let table_end = if packed[9] < 3 { 72 } else { 152 };
        for field in (48..table_end).step_by(8) {
            for lie in [u64::MAX, 1 << 62, 1 << 40, (1 << 20) + 1, 1 << 19] {
                let mut lying = packed.clone();
                lying[field..field + 8].copy_from_slice(&lie.to_be_bytes());
                unpack(&lying, base.as_ref(), &limits, &mut std::io::sink()).unwrap_err();
            }
        }
    }
}

#[test]
fn a_sink_gets_no_more_than_was_said_and_its_failure_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for (packed, content, base) in forms() {
        let outcome = unpack(&packed, base.as_ref(), &Limits::default(), &mut Full);
        assert!(
            matches!(outcome, Err(UnpackError::Sink(error)) if error.kind() == std::io::ErrorKind::StorageFull)
        );
        let mut lying = packed.clone();
        lying[48..56].copy_from_slice(&(content.len() as u64 - 1).to_be_bytes());
        let mut written = Vec::new();
        unpack(&lying, base.as_ref(), &Limits::default(), &mut written).unwrap_err();
        assert!(written.len() < content.len());
    }
}

#[test]
fn content_beyond_the_limit_is_refused() {
    let limits = Limits { content_bytes_max: 10, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    assert!(matches!(pack(b"eleven byte", None, &options), Err(PackError::TooLong { bytes: 11, max: 10 })));
    assert!(Opened::new([0; 32], b"eleven byte".to_vec(), &limits).is_none());
}

/// A plaintext of which two levels make the same long beginning, and then something else: noise in which hardly anything
/// matches, then words that match at thousands of places.
fn begins_alike() -> Vec<u8> {
    let mut state = 1_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut plain: Vec<u8> = (0..200_000).map(|_| noise() as u8).collect();
    let words = ["alpha ", "beta ", "gamma ", "delta ", "alphabet ", "betatron ", "a ", "be "];
    let text: Vec<u8> = (0..40_000).flat_map(|_| words[noise() % words.len()].bytes()).collect();
    // Farther apart than deflate looks back, so that it is smaller once it is seen through.
    plain.extend(text.repeat(6));
    plain
}

#[test]
fn an_encoder_that_only_begins_as_another_is_found_out() {
    let plain = begins_alike();
    let (six, nine) = (through::deflated(&plain, 6), through::deflated(&plain, 9));
    assert!(six[..100_000] == nine[..100_000] && six != nine, "what the test stands on");
    let content = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &nine, &[0; 8]].concat();
    let limits = Limits::default();
    let of = |proof| through::unwrap(&content, None, Policy::Size, &limits, proof).unwrap();
    let made = |parts| {
        let mut made = Vec::new();
        through::rewrap(&parts, None, &limits, &mut made).unwrap();
        made
    };
    assert!(made(of(Proof::Beginnings)) != content, "the first settings that begin so are taken");
    assert!(made(of(Proof::Whole)) == content);
    let options = Options { policy: Policy::Size, ..Options::default() };
    let packed = pack(&content, None, &options).unwrap();
    assert!(packed.through);
    assert!(unpacked(&packed.bytes, None).unwrap() == content);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_content_comes_back_on_any_base(
        content in prop::collection::vec(any::<u8>(), 0..3_000),
        base in prop::collection::vec(any::<u8>(), 0..3_000),
        cut in any::<prop::sample::Index>(),
    ) {
        let content = [&base[..cut.index(base.len() + 1)], &content].concat();
        let base = opened(1, &base);
        let packed = pack(&content, Some(&base), &Options::default()).unwrap();
        prop_assert_eq!(unpacked(&packed.bytes, Some(&base)).unwrap(), content);
    }
}
