//! Bytes taken from the front, numbers as the RFC writes them.

use super::WindowFault;

/// The rest of some bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, WindowFault> {
        let (&byte, rest) = self.rest.split_first().ok_or(WindowFault::CutOff)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], WindowFault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WindowFault::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Four bytes, big endian.
    pub(super) fn u32(&mut self) -> Result<u32, WindowFault> {
        let bytes = self.take(4)?;
        bytes.try_into().map(u32::from_be_bytes).map_err(|_| WindowFault::CutOff)
    }

    /// A number in base 128, most significant digit first, each byte but the last with its high bit set.
    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, WindowFault> {
        let mut number = 0_u64;
        loop {
            let byte = self.byte()?;
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            if number >> 57 != 0 {
                return Err(WindowFault::NumberTooLarge);
            }
        }
    }

    /// A number as a length in memory.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, WindowFault> {
        usize::try_from(self.number()?).map_err(|_| WindowFault::NumberTooLarge)
    }
}

/// Appends `number` as [`Reader::number`] reads it.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 10];
    let mut first = digits.len();
    let mut rest = number;
    loop {
        first -= 1;
        let more = if first + 1 == digits.len() { 0 } else { 0x80 };
        digits[first] = (rest & 0x7f) as u8 | more;
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Bytes that `number` takes.
pub(super) fn number_bytes(number: u64) -> usize {
    (64 - (number | 1).leading_zeros()).div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for number in [0, 1, 127, 128, 16_383, 16_384, 123_456_789, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            push_number(&mut bytes, number);
            assert_eq!(bytes.len(), number_bytes(number), "{number}");
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.number(), Ok(number));
            assert!(reader.is_empty());
        }
        let mut bytes = Vec::new();
        push_number(&mut bytes, 123_456_789);
        assert_eq!(bytes, [0xba, 0xef, 0x9a, 0x15], "the RFC's own example");
    }

    #[test]
    fn numbers_beyond_64_bits_and_cut_off_ones_are_refused() {
        let cases: [(&[u8], WindowFault); 3] = [
            (&[0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], WindowFault::NumberTooLarge),
            (&[0xff; 11], WindowFault::NumberTooLarge),
            (&[0x80, 0x80], WindowFault::CutOff),
        ];
        for (bytes, fault) in cases {
            assert_eq!(Reader::new(bytes).number(), Err(fault), "{bytes:x?}");
        }
    }
}
