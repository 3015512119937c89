use proptest::prelude::*;

use super::*;

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_be_bytes());
    let mut bytes = vec![0; length];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn packed(content: &[u8], base: Option<&[u8]>) -> Vec<u8> {
    let sketch = base.map(|base| Sketch::of(&base).expect("memory"));
    let base = base.zip(sketch.as_ref());
    let base = base.as_ref().map(|(content, sketch)| Base { digest: &[7; 32], content, sketch });
    let mut sink = Vec::new();
    let bytes = pack(&content, base, 3, &mut sink).expect("it packs");
    assert_eq!(bytes, sink.len() as u64);
    sink
}

fn unpacked(packed: &[u8], base: Option<&[u8]>) -> Result<Vec<u8>, UnpackError> {
    let form = Segmented::open(&packed)?;
    let base = base.as_ref().map(|base| base as &dyn ReadAt);
    let mut content = Vec::new();
    for index in 0..form.header.segments() {
        content.extend(form.segment(index, &packed, base)?);
    }
    Ok(content)
}

#[test]
fn content_comes_back_alone_and_on_a_base() {
    let segment = usize::try_from(SEGMENT_BYTES).expect("small");
    for length in [0, 1, segment - 1, segment, segment + 1, 2 * segment + 12_345] {
        let base = noise(1, length);
        let mut content = base.clone();
        if let Some(byte) = content.get_mut(length / 2) {
            *byte ^= 1;
        }
        assert_eq!(unpacked(&packed(&content, None), None).expect("sound"), content);
        let on_base = packed(&content, Some(&base));
        assert_eq!(unpacked(&on_base, Some(&base)).expect("sound"), content);
        assert!(on_base.len() < 4096 + length / 500, "{} bytes for {length}", on_base.len());
    }
}

#[test]
fn what_moved_is_found_where_it_went() {
    let base = noise(1, 20 << 20);
    let mut content = noise(2, 3 << 20);
    content.extend(&base[7 << 20..19 << 20]);
    content.extend(&base[..6 << 20]);
    let packed = packed(&content, Some(&base));
    let new = 3 << 20;
    assert!(packed.len() < new + (512 << 10), "{} bytes", packed.len());
    assert_eq!(unpacked(&packed, Some(&base)).expect("sound"), content);
}

#[test]
fn what_changed_everywhere_a_little_leans_on_its_neighbours() {
    let base = noise(1, 9 << 20);
    let mut content = base.clone();
    // No chunk is what it was.
    content.iter_mut().step_by(2000).for_each(|byte| *byte ^= 0x55);
    let packed = packed(&content, Some(&base));
    assert!(packed.len() < 1 << 20, "{} bytes", packed.len());
    assert_eq!(unpacked(&packed, Some(&base)).expect("sound"), content);
}

#[test]
fn content_that_gets_hardly_smaller_is_given_up_early() {
    let content = noise(3, 80 << 20);
    let mut sink = Vec::new();
    let given_up = pack(&content.as_slice(), None, 1, &mut sink);
    assert!(matches!(given_up, Err(PackError::DoesNotPay)));
    assert!(sink.len() < 70 << 20, "{} bytes were tried", sink.len());
}

#[test]
fn a_sink_that_fails_ends_packing() {
    /// Takes the header and a segment, and no more.
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let content = vec![7; 5 * SEGMENT as usize];
    let failed = pack(&content.as_slice(), None, 1, &mut Full(2));
    assert!(matches!(failed, Err(PackError::Sink(error)) if error.kind() == io::ErrorKind::StorageFull));
}

#[test]
fn a_form_that_lies_is_refused() {
    let base = noise(1, 5 << 20);
    let good = packed(&base, Some(&base));
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bad = good.clone();
        change(&mut bad);
        unpacked(&bad, Some(&base)).map(|content| content.len()).expect_err("refused")
    };
    let header = |error: UnpackError| assert!(matches!(error, UnpackError::Header), "{error}");
    header(refused(&|bad| bad.truncate(10)));
    header(refused(&|bad| bad[8] = 2));
    header(refused(&|bad| bad[9] = 1));
    header(refused(&|bad| bad[12] = 1));
    header(refused(&|bad| bad[48..56].copy_from_slice(&u64::MAX.to_be_bytes())));
    header(refused(&|bad| bad[48..56].copy_from_slice(&(LENGTH_MAX).to_be_bytes())));
    header(refused(&|bad| bad.push(0)));
    header(refused(&|bad| bad.truncate(bad.len() - 1)));
    let last = good.len() - 8;
    header(refused(&|bad| bad[last..].copy_from_slice(&u64::MAX.to_be_bytes())));
    header(refused(&|bad| bad[last..].copy_from_slice(&0_u64.to_be_bytes())));
    let segment = |error: UnpackError| assert!(matches!(error, UnpackError::Segment { index: 0 }), "{error}");
    // More ranges than there is segment; a range of nothing; one beyond the base; more than a segment may lean on.
    segment(refused(&|bad| bad[HEADER_BYTES..HEADER_BYTES + 2].fill(0xff)));
    segment(refused(&|bad| bad[HEADER_BYTES + 6..HEADER_BYTES + 10].fill(0)));
    segment(refused(&|bad| {
        bad[HEADER_BYTES + 2..HEADER_BYTES + 6].copy_from_slice(&10_000_u32.to_be_bytes())
    }));
    segment(refused(&|bad| bad[HEADER_BYTES + 6..HEADER_BYTES + 10].copy_from_slice(&257_u32.to_be_bytes())));
    assert!(matches!(unpacked(&good, None), Err(UnpackError::Base)));
}

#[test]
fn a_sketch_knows_how_much_two_contents_share() {
    let a = noise(1, 8 << 20);
    let mut b = a[..4 << 20].to_vec();
    b.extend(noise(2, 4 << 20));
    let (a, b) = (Sketch::of(&a.as_slice()).expect("memory"), Sketch::of(&b.as_slice()).expect("memory"));
    assert_eq!(a.distinct_bytes(), 8 << 20);
    let common = a.common_bytes(&b);
    assert!((3 << 20..5 << 20).contains(&common), "{common}");
    assert_eq!(a.common_bytes(&Sketch::default()), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the bytes, there is an answer, and no more content than the header says.
    #[test]
    fn foreign_bytes_do_no_harm(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        length in 0..3 * SEGMENT_BYTES,
        begins in any::<bool>(),
    ) {
        if begins && bytes.len() >= HEADER_BYTES {
            let header = Header { base: None, length };
            bytes[..HEADER_BYTES].copy_from_slice(&header.write());
        }
        if let Ok(content) = unpacked(&bytes, Some(&[0; 100])) {
            prop_assert!(content.len() as u64 <= 3 * SEGMENT_BYTES);
        }
    }

    #[test]
    fn one_changed_byte_gives_an_error_or_content_of_the_same_length(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let base = noise(1, 100_000);
        let mut content = base.clone();
        content[50_000] ^= 1;
        let mut bad = packed(&content, Some(&base));
        let at = at.index(bad.len());
        bad[at] ^= 1 << bit;
        if let Ok(found) = unpacked(&bad, Some(&base)) {
            prop_assert_eq!(found.len(), content.len());
        }
    }
}
