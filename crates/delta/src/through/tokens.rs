//! A deflate stream without its plaintext: everything an encoder decided, and nothing else.
//!
//! ```text
//! blocks     final and kind │ stored: length
//!                           │ coded: (code lengths as they were written) matches, literals after the last match
//! matches    literals before it │ length
//! odd        matches until the next whose source is not the nearest │ its distance │ …
//! ```
//!
//! Each of the columns is its own run of bytes, so that a decision that differs from the base's differs in place. The
//! literals are read from the plaintext, and so are the distances: a match comes from the nearest place with the same
//! bytes, except where the column of the odd ones says otherwise. The form is exact for any encoder: a stream that spells
//! the same tokens in another way (a length of 258 in two words, padding that is not zero) is noticed when it is
//! compared.

use super::bits::{BitReader, BitWriter};
use super::codes::{Codes, Spelling, skip_codes};
use super::finder::Finder;
use super::varint;

/// The columns of one or more streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Kind, codes and counts of each block.
    pub(crate) blocks: Vec<u8>,
    /// Literals before each match, a byte, or 255 and what goes beyond it; then its length, less three.
    pub(crate) matches: Vec<u8>,
    /// Matches whose source is not the nearest: how many others stand before each, and its distance, less one, little
    /// endian. How many others follow the last one ends a stream.
    pub(crate) odd: Vec<u8>,
}

impl Tokens {
    /// Appends another stream's columns.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.blocks.extend_from_slice(&other.blocks);
        self.matches.extend_from_slice(&other.matches);
        self.odd.extend_from_slice(&other.odd);
    }

    /// The columns, to be read from the front.
    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns { blocks: &self.blocks, matches: &self.matches, odd: &self.odd }
    }

    /// Reads the tokens of a stream; none if it is no deflate, or does not end where `stream` does. The odd ones need
    /// the plaintext: without it, none is odd.
    pub(crate) fn parse(stream: &[u8], plain: Option<&[u8]>) -> Option<Self> {
        let mut odd = plain.map(Odd::new);
        let mut reader = BitReader::new(stream);
        let mut tokens = Self::default();
        let mut codes = Codes::default();
        loop {
            let head = reader.take_byte(3)?;
            tokens.blocks.push(head);
            match head >> 1 {
                0 => tokens.parse_stored(&mut reader, odd.as_mut())?,
                1 => codes.set_fixed()?,
                2 => codes.parse(&mut reader, &mut tokens.blocks)?,
                _ => return None,
            }
            if head >> 1 > 0 {
                tokens.parse_coded(&mut reader, &codes, odd.as_mut())?;
            }
            if head & 1 == 1 {
                tokens.odd = odd.map(Odd::finish).unwrap_or_default();
                return reader.is_done().then_some(tokens);
            }
        }
    }

    fn parse_stored(&mut self, reader: &mut BitReader<'_>, odd: Option<&mut Odd<'_>>) -> Option<()> {
        reader.align()?;
        let (length, check) = (reader.take(16)?, reader.take(16)?);
        reader.bytes(length as usize)?;
        varint::write(&mut self.blocks, u64::from(length));
        if let Some(odd) = odd {
            odd.at += length as usize;
        }
        (length ^ check == 0xffff).then_some(())
    }

    fn parse_coded(
        &mut self,
        reader: &mut BitReader<'_>,
        codes: &Codes,
        mut odd: Option<&mut Odd<'_>>,
    ) -> Option<()> {
        let (mut matches, mut run) = (0_u64, 0_usize);
        loop {
            reader.refill();
            let (symbol, bits) = codes.literals.symbol(reader.peek());
            if bits == 0 {
                return None;
            }
            reader.consume(bits)?;
            match symbol {
                0..256 => run += 1,
                256 => break,
                _ => {
                    let (length, distance) = codes.parse_match(reader, symbol)?;
                    write_run(&mut self.matches, run);
                    self.matches.push(length);
                    if let Some(odd) = &mut odd {
                        odd.see(run, length, distance);
                    }
                    (run, matches) = (0, matches + 1);
                }
            }
        }
        varint::write(&mut self.blocks, matches);
        varint::write(&mut self.blocks, run as u64);
        if let Some(odd) = odd {
            odd.at += run;
        }
        Some(())
    }
}

/// Sorts out the matches whose source is not the nearest.
struct Odd<'a> {
    finder: Finder<'a>,
    /// How far the plaintext is told.
    at: usize,
    /// Matches since the last odd one.
    even: u64,
    column: Vec<u8>,
}

impl<'a> Odd<'a> {
    fn new(plain: &'a [u8]) -> Self {
        Self { finder: Finder::new(plain), at: 0, even: 0, column: Vec::new() }
    }

    #[inline]
    fn see(&mut self, run: usize, length: u8, distance: u16) {
        self.at += run;
        let bytes = usize::from(length) + 3;
        if self.finder.nearest(self.at, bytes) == Some(distance) {
            self.even += 1;
        } else {
            varint::write(&mut self.column, self.even);
            self.column.extend(distance.to_le_bytes());
            self.even = 0;
        }
        self.at += bytes;
    }

    fn finish(mut self) -> Vec<u8> {
        varint::write(&mut self.column, self.even);
        self.column
    }
}

/// Columns that streams are read from, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Columns<'a> {
    blocks: &'a [u8],
    matches: &'a [u8],
    odd: &'a [u8],
}

impl Columns<'_> {
    /// Takes one stream's tokens and makes the stream of them and of its whole plaintext; none if they do not fit.
    pub(crate) fn rebuild(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut stream = Rebuilt {
            plain,
            at: 0,
            finder: Finder::new(plain),
            even_left: varint::read(&mut self.odd)?,
            out: BitWriter::new(plain.len() / 3),
        };
        let mut codes = Spelling::default();
        loop {
            let head = varint::read_byte(&mut self.blocks).filter(|head| *head < 6)?;
            stream.out.put(u64::from(head), 3);
            match head >> 1 {
                0 => stream.stored(&mut self.blocks)?,
                1 => codes.set_fixed()?,
                _ => codes.rebuild(&mut self.blocks, &mut stream.out)?,
            }
            if head >> 1 > 0 {
                stream.coded(self, &codes)?;
            }
            if head & 1 == 1 {
                let whole = stream.at == plain.len() && stream.even_left == 0;
                return whole.then(|| stream.out.finish());
            }
        }
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.matches.is_empty() && self.odd.is_empty()
    }

    /// Passes over one stream's tokens: what comes after them is another's.
    pub(crate) fn skip(&mut self) -> Option<()> {
        let mut matches = 0_u64;
        loop {
            let head = varint::read_byte(&mut self.blocks).filter(|head| *head < 6)?;
            if head >> 1 == 2 {
                skip_codes(&mut self.blocks)?;
            }
            let count = varint::read(&mut self.blocks)?;
            if head >> 1 > 0 {
                varint::read(&mut self.blocks)?;
                self.skip_matches(count)?;
                matches = matches.checked_add(count)?;
            }
            if head & 1 == 1 {
                return self.skip_odd(matches);
            }
        }
    }

    fn skip_matches(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            read_run(&mut self.matches)?;
            varint::read_byte(&mut self.matches)?;
        }
        Some(())
    }

    fn skip_odd(&mut self, mut matches: u64) -> Option<()> {
        loop {
            let even = varint::read(&mut self.odd)?;
            if even >= matches {
                return (even == matches).then_some(());
            }
            matches -= even + 1;
            self.odd = self.odd.get(2..)?;
        }
    }
}

/// A stream that is being made of its tokens.
struct Rebuilt<'a> {
    plain: &'a [u8],
    at: usize,
    finder: Finder<'a>,
    /// Matches until the next odd one.
    even_left: u64,
    out: BitWriter,
}

impl<'a> Rebuilt<'a> {
    /// The next bytes of plaintext.
    #[inline]
    fn advance(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let passed = self.plain.get(self.at..self.at.checked_add(bytes)?)?;
        self.at += bytes;
        Some(passed)
    }

    fn stored(&mut self, blocks: &mut &[u8]) -> Option<()> {
        let length = u16::try_from(varint::read(blocks)?).ok()?;
        let stored = self.advance(usize::from(length))?;
        self.out.align();
        self.out.bytes(&length.to_le_bytes());
        self.out.bytes(&(!length).to_le_bytes());
        self.out.bytes(stored);
        Some(())
    }

    fn coded(&mut self, columns: &mut Columns<'_>, codes: &Spelling) -> Option<()> {
        let matches = varint::read(&mut columns.blocks)?;
        let tail = varint::read_size(&mut columns.blocks)?;
        for _ in 0..matches {
            let run = read_run(&mut columns.matches)?;
            let length = varint::read_byte(&mut columns.matches)?;
            let literals = self.advance(run)?;
            codes.write_literals(literals, &mut self.out);
            let distance = self.distance(usize::from(length) + 3, &mut columns.odd)?;
            codes.write_match(length, distance, &mut self.out);
            self.advance(usize::from(length) + 3)?;
        }
        let literals = self.advance(tail)?;
        codes.write_literals(literals, &mut self.out);
        let (code, bits) = codes.end();
        self.out.put(code, bits);
        Some(())
    }

    #[inline]
    fn distance(&mut self, length: usize, odd: &mut &[u8]) -> Option<u16> {
        if let Some(left) = self.even_left.checked_sub(1) {
            self.even_left = left;
            return self.finder.nearest(self.at, length);
        }
        let (distance, rest) = odd.split_first_chunk()?;
        *odd = rest;
        self.even_left = varint::read(odd)?;
        Some(u16::from_le_bytes(*distance)).filter(|distance| *distance < 1 << 15)
    }
}

fn write_run(runs: &mut Vec<u8>, run: usize) {
    match u8::try_from(run) {
        Ok(short) if short < 255 => runs.push(short),
        _ => {
            runs.push(255);
            varint::write(runs, run as u64 - 255);
        }
    }
}

#[inline]
fn read_run(runs: &mut &[u8]) -> Option<usize> {
    match varint::read_byte(runs)? {
        255 => varint::read_size(runs)?.checked_add(255),
        short => Some(usize::from(short)),
    }
}
