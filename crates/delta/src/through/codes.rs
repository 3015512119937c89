//! The codes of a deflate block: how their lengths are written, and what they spell.

use super::bits::{BitReader, BitWriter};
use super::huffman::{self, Decoder};
use super::varint;

/// The codes of a block, for reading.
#[derive(Default)]
pub(crate) struct Codes {
    pub(crate) literals: Decoder,
    distances: Decoder,
    order: Decoder,
}

impl Codes {
    /// Reads a match after its first symbol: its length, less three, and its distance, less one.
    #[inline]
    pub(crate) fn parse_match(&self, reader: &mut BitReader<'_>, symbol: u16) -> Option<(u8, u16)> {
        let &(base, extra) = LENGTHS.get(usize::from(symbol - 257))?;
        let more = reader.peek() & ((1 << extra) - 1);
        reader.consume(u32::from(extra))?;
        let length = u64::from(base) + more;
        let (symbol, bits) = self.distances.symbol(reader.peek());
        let &(base, extra) = DISTANCES.get(usize::from(symbol)).filter(|_| bits > 0)?;
        reader.consume(bits)?;
        let more = reader.peek() & ((1 << extra) - 1);
        reader.consume(u32::from(extra))?;
        let distance = u64::from(base) + more;
        Some((u8::try_from(length - 3).ok()?, u16::try_from(distance - 1).ok()?))
    }

    /// Takes over the fixed codes.
    pub(crate) fn set_fixed(&mut self) -> Option<()> {
        self.literals.set(&FIXED_LITERALS)?;
        self.distances.set(&[5; 30])
    }

    /// Reads the lengths of a block's codes, and writes them down as they were written.
    pub(crate) fn parse(&mut self, reader: &mut BitReader<'_>, blocks: &mut Vec<u8>) -> Option<()> {
        let counts = [reader.take_byte(5)?, reader.take_byte(5)?, reader.take_byte(4)?];
        blocks.extend(counts);
        let mut order = [0; 19];
        for &place in &ORDER[..usize::from(counts[2]) + 4] {
            order[place] = reader.take_byte(3)?;
            blocks.push(order[place]);
        }
        self.order.set(&order)?;
        let (literals, distances) = (usize::from(counts[0]) + 257, usize::from(counts[1]) + 1);
        let mut lengths = Vec::with_capacity(320);
        while lengths.len() < literals + distances {
            reader.refill();
            let (symbol, bits) = self.order.symbol(reader.peek());
            if bits == 0 {
                return None;
            }
            reader.consume(bits)?;
            let symbol = u8::try_from(symbol).ok()?;
            let more = reader.take_byte(repeat_bits(symbol))?;
            write_length_word(blocks, symbol, more);
            push_lengths(&mut lengths, symbol, more)?;
        }
        self.literals.set(lengths.get(..literals)?)?;
        self.distances.set(lengths.get(literals..)?)
    }
}

/// The codes of a block, for writing: each symbol's bits and how many.
#[derive(Default)]
pub(crate) struct Spelling {
    literals: Vec<(u16, u8)>,
    distances: Vec<(u16, u8)>,
}

impl Spelling {
    /// Takes over the fixed codes.
    pub(crate) fn set_fixed(&mut self) -> Option<()> {
        self.set(&FIXED_LITERALS, &[5; 30])
    }

    /// The code that ends a block, and its bits.
    pub(crate) fn end(&self) -> (u64, u32) {
        let (code, bits) = self.literals[256];
        (u64::from(code), u32::from(bits))
    }

    /// Takes over code lengths; symbols that have no code get no bits, and the comparison finds out.
    fn set(&mut self, literals: &[u8], distances: &[u8]) -> Option<()> {
        let spelled = |lengths: &[u8], symbols: usize| -> Option<Vec<(u16, u8)>> {
            let mut spelled: Vec<_> =
                huffman::codes(lengths)?.into_iter().zip(lengths.iter().copied()).collect();
            spelled.resize(symbols.max(lengths.len()), (0, 0));
            Some(spelled)
        };
        self.literals = spelled(literals, 288)?;
        self.distances = spelled(distances, 32)?;
        Some(())
    }

    /// Writes a block's code lengths as they were written, and takes them over.
    pub(crate) fn rebuild(&mut self, blocks: &mut &[u8], out: &mut BitWriter) -> Option<()> {
        let counts = [varint::read_byte(blocks)?, varint::read_byte(blocks)?, varint::read_byte(blocks)?];
        if counts[0] > 31 || counts[1] > 31 || counts[2] > 15 {
            return None;
        }
        out.put(u64::from(counts[0]) | u64::from(counts[1]) << 5 | u64::from(counts[2]) << 10, 14);
        let mut order = [0; 19];
        for &place in &ORDER[..usize::from(counts[2]) + 4] {
            order[place] = varint::read_byte(blocks).filter(|length| *length < 8)?;
            out.put(u64::from(order[place]), 3);
        }
        let words = huffman::codes(&order)?;
        let (literals, distances) = (usize::from(counts[0]) + 257, usize::from(counts[1]) + 1);
        let mut lengths = Vec::with_capacity(320);
        while lengths.len() < literals + distances {
            let (symbol, more) = read_length_word(blocks)?;
            let place = usize::from(symbol);
            out.put(u64::from(words[place]), u32::from(order[place]));
            out.put(u64::from(more), repeat_bits(symbol));
            push_lengths(&mut lengths, symbol, more)?;
        }
        self.set(lengths.get(..literals)?, lengths.get(literals..)?)
    }

    /// Spells literals.
    #[inline]
    pub(crate) fn write_literals(&self, literals: &[u8], out: &mut BitWriter) {
        for &literal in literals {
            let (code, bits) = self.literals[usize::from(literal)];
            out.put(u64::from(code), u32::from(bits));
        }
    }

    /// Spells a match by its length, less three, and its distance, less one.
    #[inline]
    pub(crate) fn write_match(&self, length: u8, distance: u16, out: &mut BitWriter) {
        let symbol = LENGTH_SYMBOLS[usize::from(length)];
        let (base, extra) = LENGTHS[usize::from(symbol)];
        let (code, bits) = self.literals[usize::from(symbol) + 257];
        let mut word = u64::from(code) | u64::from(u16::from(length) + 3 - base) << bits;
        let mut count = u32::from(bits) + u32::from(extra);
        let symbol = distance_symbol(distance);
        let (base, extra) = DISTANCES[symbol];
        let (code, bits) = self.distances[symbol];
        word |= u64::from(code) << count;
        count += u32::from(bits);
        word |= (u64::from(distance) + 1 - u64::from(base)) << count;
        out.put(word, count + u32::from(extra));
    }
}

/// Bits after a word of the code lengths that say how often something repeats.
fn repeat_bits(symbol: u8) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

fn write_length_word(blocks: &mut Vec<u8>, symbol: u8, more: u8) {
    blocks.push(symbol);
    if symbol > 15 {
        blocks.push(more);
    }
}

fn read_length_word(blocks: &mut &[u8]) -> Option<(u8, u8)> {
    let symbol = varint::read_byte(blocks).filter(|symbol| *symbol < 19)?;
    let more = if symbol > 15 { varint::read_byte(blocks)? } else { 0 };
    (u32::from(more) < 1 << repeat_bits(symbol)).then_some((symbol, more))
}

/// Appends the code lengths that one word stands for.
fn push_lengths(lengths: &mut Vec<u8>, symbol: u8, more: u8) -> Option<()> {
    let (length, times) = match symbol {
        16 => (*lengths.last()?, more + 3),
        17 => (0, more + 3),
        18 => (0, more + 11),
        _ => (symbol, 1),
    };
    lengths.resize(lengths.len() + usize::from(times), length);
    // The words of a block end where its counts say; one that goes beyond is not deflate.
    (lengths.len() <= 320).then_some(())
}

/// Passes over the code lengths of a block.
pub(crate) fn skip_codes(blocks: &mut &[u8]) -> Option<()> {
    let counts = [varint::read_byte(blocks)?, varint::read_byte(blocks)?, varint::read_byte(blocks)?];
    *blocks = blocks.get(usize::from(counts[2]) + 4..)?;
    let (wanted, mut have) = (usize::from(counts[0]) + 258 + usize::from(counts[1]), 0);
    while have < wanted {
        let (symbol, more) = read_length_word(blocks)?;
        have += match symbol {
            16 | 17 => usize::from(more) + 3,
            18 => usize::from(more) + 11,
            _ => 1,
        };
    }
    Some(())
}

/// The symbol of a distance, less one.
#[inline]
fn distance_symbol(distance: u16) -> usize {
    if distance < 4 {
        return usize::from(distance);
    }
    let bits = 15 - distance.leading_zeros();
    (bits as usize) * 2 + usize::from(distance >> (bits - 1) & 1)
}

/// The order in which the lengths of the code of code lengths are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// First length and extra bits of symbols 257 and up.
#[expect(clippy::cast_possible_truncation, reason = "symbols are below 30")]
const LENGTHS: [(u16, u8); 29] = {
    let mut table = [(0, 0); 29];
    let (mut symbol, mut length) = (0, 3);
    while symbol < 28 {
        let extra = if symbol < 8 { 0 } else { symbol as u8 / 4 - 1 };
        table[symbol] = (length, extra);
        length += 1 << extra;
        symbol += 1;
    }
    table[28] = (258, 0);
    table
};

/// First distance and extra bits of each distance symbol.
#[expect(clippy::cast_possible_truncation, reason = "symbols are below 30")]
const DISTANCES: [(u16, u8); 30] = {
    let mut table = [(0, 0); 30];
    let (mut symbol, mut distance) = (0, 1_u16);
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { symbol as u8 / 2 - 1 };
        table[symbol] = (distance, extra);
        distance = distance.wrapping_add(1 << extra);
        symbol += 1;
    }
    table
};

/// The symbol, less 257, of each length, less three.
#[expect(clippy::cast_possible_truncation, reason = "symbols are below 30")]
const LENGTH_SYMBOLS: [u8; 256] = {
    let mut table = [0; 256];
    let mut length = 0;
    let mut symbol = 0;
    while length < 256 {
        while symbol < 28 && LENGTHS[symbol + 1].0 as usize <= length + 3 {
            symbol += 1;
        }
        table[length] = symbol as u8;
        length += 1;
    }
    table
};

/// Lengths of the fixed code (RFC 1951, 3.2.6).
const FIXED_LITERALS: [u8; 288] = {
    let mut lengths = [8; 288];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    lengths
};
