//! Bits as deflate orders them: the first is the lowest of the first byte.

/// Reads bits, at most 32 at once.
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    next: usize,
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0, held: 0, count: 0 }
    }

    /// Holds at least 56 bits, or all that are left; beyond the end they are zero.
    #[inline]
    pub(crate) fn refill(&mut self) {
        if let Some(word) = self.bytes.get(self.next..).and_then(|rest| rest.first_chunk::<8>()) {
            self.held |= u64::from_le_bytes(*word) << self.count;
            let taken = (63 - self.count) >> 3;
            self.next += taken as usize;
            self.count += taken * 8;
        } else {
            self.refill_at_the_end();
        }
    }

    #[cold]
    fn refill_at_the_end(&mut self) {
        while self.count <= 56
            && let Some(&byte) = self.bytes.get(self.next)
        {
            self.held |= u64::from(byte) << self.count;
            self.next += 1;
            self.count += 8;
        }
    }

    /// The bits held, the next one lowest.
    #[inline]
    pub(crate) fn peek(&self) -> u64 {
        self.held
    }

    /// Drops bits that were looked at; none if so many are not held.
    #[inline]
    pub(crate) fn consume(&mut self, count: u32) -> Option<()> {
        self.count = self.count.checked_sub(count)?;
        self.held >>= count;
        Some(())
    }

    /// Takes up to 32 bits.
    #[inline]
    pub(crate) fn take(&mut self, count: u32) -> Option<u32> {
        self.refill();
        let value = self.held & ((1 << count) - 1);
        self.consume(count)?;
        u32::try_from(value).ok()
    }

    /// Takes up to eight bits.
    pub(crate) fn take_byte(&mut self, count: u32) -> Option<u8> {
        u8::try_from(self.take(count)?).ok()
    }

    /// Drops the rest of the byte; none unless all of it is zero.
    pub(crate) fn align(&mut self) -> Option<()> {
        self.refill();
        (self.take(self.count % 8)? == 0).then_some(())
    }

    /// Takes whole bytes; the reader stands at the border of one.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let from = self.next - (self.count / 8) as usize;
        let taken = self.bytes.get(from..from.checked_add(count)?)?;
        (self.next, self.held, self.count) = (from + count, 0, 0);
        Some(taken)
    }

    /// Whether less than a byte is left, and its bits are zero.
    pub(crate) fn is_done(&mut self) -> bool {
        self.refill();
        self.next == self.bytes.len() && self.count < 8 && self.held == 0
    }
}

/// Writes bits, at most 48 at once.
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    length: usize,
    held: u64,
    count: u32,
}

impl BitWriter {
    /// A writer that expects to write about so many bytes.
    pub(crate) fn new(bytes_expected: usize) -> Self {
        Self { bytes: vec![0; bytes_expected.max(64)], length: 0, held: 0, count: 0 }
    }

    /// Appends the lowest `count` bits; those above are zero.
    #[inline]
    pub(crate) fn put(&mut self, bits: u64, count: u32) {
        self.held |= bits << self.count;
        self.count += count;
        if self.count >= 16 {
            self.flush();
        }
    }

    /// Writes out whole bytes, so that fewer than eight bits are held.
    #[inline]
    fn flush(&mut self) {
        if self.length + 8 > self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        self.bytes[self.length..self.length + 8].copy_from_slice(&self.held.to_le_bytes());
        self.length += (self.count / 8) as usize;
        self.held >>= self.count & !7;
        self.count %= 8;
    }

    /// Fills the byte with zeros.
    pub(crate) fn align(&mut self) {
        self.count = self.count.next_multiple_of(8);
        self.flush();
    }

    /// Appends whole bytes; the writer stands at the border of one.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.flush();
        self.bytes.truncate(self.length);
        self.bytes.extend_from_slice(bytes);
        self.length = self.bytes.len();
        self.bytes.resize(self.length + 64, 0);
    }

    /// What was written, the last byte filled with zeros.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes.truncate(self.length);
        self.bytes
    }
}
