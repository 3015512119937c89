//! Canonical codes of deflate (RFC 1951, 3.2.2), for reading and for writing.

/// Longest code.
const CODE_BITS_MAX: usize = 15;

/// Reads symbols: each pattern of bits, as many as the longest code has, names its symbol.
#[derive(Default)]
pub(crate) struct Decoder {
    /// Symbol and length: `symbol << 4 | length`; zero where no code is.
    entries: Vec<u16>,
    mask: u64,
}

impl Decoder {
    /// Takes over the lengths of a code; none if they are no code at all.
    pub(crate) fn set(&mut self, lengths: &[u8]) -> Option<()> {
        let longest = u32::from(*lengths.iter().max()?);
        self.entries.clear();
        self.entries.resize(1 << longest, 0);
        self.mask = (1 << longest) - 1;
        let codes = codes(lengths)?;
        for (symbol, (&length, code)) in lengths.iter().zip(codes).enumerate().filter(|(_, (l, _))| **l > 0) {
            let entry = u16::try_from(symbol << 4).ok()? | u16::from(length);
            for slot in self.entries[usize::from(code)..].iter_mut().step_by(1 << length) {
                *slot = entry;
            }
        }
        Some(())
    }

    /// The symbol at the front of the bits, and its length; length zero where no code is.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the mask leaves fifteen bits at most")]
    pub(crate) fn symbol(&self, bits: u64) -> (u16, u32) {
        let entry = self.entries[(bits & self.mask) as usize];
        (entry >> 4, u32::from(entry & 15))
    }
}

/// Each symbol's code, its first bit lowest; none if the lengths ask for more codes than there are.
pub(crate) fn codes(lengths: &[u8]) -> Option<Vec<u16>> {
    let mut count = [0_u32; CODE_BITS_MAX + 1];
    for &length in lengths {
        *count.get_mut(usize::from(length))? += 1;
    }
    count[0] = 0;
    let (mut next, mut code) = ([0_u32; CODE_BITS_MAX + 1], 0);
    for bits in 1..=CODE_BITS_MAX {
        code = (code + count[bits - 1]) << 1;
        next[bits] = code;
        if code + count[bits] > 1 << bits {
            return None;
        }
    }
    let mut codes = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let code = &mut next[usize::from(length)];
        let reversed = if length == 0 { 0 } else { code.reverse_bits() >> (32 - u32::from(length)) };
        codes.push(u16::try_from(reversed).ok()?);
        *code += 1;
    }
    Some(codes)
}
