//! Content that is the same in each run.

/// Numbers that look random (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// Bytes without any pattern.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let words = std::iter::repeat_with(|| numbers.next().to_le_bytes());
    words.take(length.div_ceil(8)).flatten().take(length).collect()
}

/// Lines of words from a small vocabulary, so that much of it repeats.
pub(crate) fn prose(seed: u64, length: usize) -> Vec<u8> {
    const WORDS: [&str; 12] = [
        "gate ", "wall ", "tower ", "window ", "stone ", "the ", "of ", "a ", "under ", "behind ",
        "stands\n", "falls\n",
    ];
    let mut numbers = Numbers(seed);
    let mut text = Vec::with_capacity(length + 8);
    while text.len() < length {
        text.extend_from_slice(WORDS[numbers.below(WORDS.len())].as_bytes());
    }
    text.truncate(length);
    text
}

/// `content` with `edits` places changed, bytes put in, taken out or moved.
pub(crate) fn edited(content: &[u8], seed: u64, edits: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut edited = content.to_vec();
    for _ in 0..edits {
        let at = numbers.below(edited.len());
        let end = edited.len().min(at + 1 + numbers.below(300));
        let length = numbers.below(300);
        match numbers.below(5) {
            0 => edited[at] ^= 0x55,
            1 => drop(edited.drain(at..end)),
            2 => drop(edited.splice(at..at, noise(seed ^ at as u64, length))),
            3 => drop(edited.splice(at..end, vec![0; length])),
            _ => edited.extend_from_within(at..end),
        }
    }
    edited
}
