//! One window at a time: its lengths, its sections, its instructions.

use crate::vcdiff::address_cache::AddressCache;
use crate::vcdiff::adler::adler32;
use crate::vcdiff::code_table::{Half, Kind, TABLE};
use crate::vcdiff::reader::Reader;
use crate::vcdiff::section::{RawSection, SectionError, SectionReader};
use crate::vcdiff::{DecodeError, LimitKind, Limits, SectionKind, WindowFault, window_flag};

/// What is kept between windows.
pub(super) struct WindowDecoder<'a> {
    source: &'a [u8],
    limits: &'a Limits,
    secondary: bool,
    sections: [SectionReader; 3],
    target: Vec<u8>,
    number: u64,
    written: u64,
}

/// The part of a window before its sections.
struct WindowHeader<'a> {
    segment: &'a [u8],
    target_bytes: usize,
    checksum: Option<u32>,
    sections: [RawSection<'a>; 3],
}

/// A section can hardly need more than this for each byte of the target. An instruction that writes one byte takes a
/// code and two numbers of ten digits at most; only instructions that do nothing could take more.
const SECTION_BYTES_PER_TARGET_BYTE: u64 = 21;

impl<'a> WindowDecoder<'a> {
    pub(super) fn new(source: &'a [u8], limits: &'a Limits, secondary: bool) -> Self {
        let sections = SectionKind::ALL.map(SectionReader::new);
        Self { source, limits, secondary, sections, target: Vec::new(), number: 0, written: 0 }
    }

    /// Bytes of all windows so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Decodes the window at the front of `delta`.
    pub(super) fn next(&mut self, delta: &mut Reader<'a>) -> Result<&[u8], DecodeError> {
        let header = self.read_header(delta)?;
        self.execute(&header)?;
        if let Some(expected) = header.checksum {
            let found = adler32(&self.target);
            if found != expected {
                return Err(DecodeError::Checksum { window: self.number, expected, found });
            }
        }
        self.number += 1;
        self.written += self.target.len() as u64;
        Ok(&self.target)
    }

    fn read_header(&self, delta: &mut Reader<'a>) -> Result<WindowHeader<'a>, DecodeError> {
        let flags = delta.byte().map_err(self.fault())?;
        if flags & !window_flag::KNOWN != 0 {
            return Err(self.fault()(WindowFault::UnknownFlags(flags & !window_flag::KNOWN)));
        }
        if flags & window_flag::TARGET != 0 {
            return Err(self.fault()(WindowFault::TargetSegmentRefused));
        }
        let segment = if flags & window_flag::SOURCE != 0 { self.read_segment(delta)? } else { &[] };
        let length = delta.length().map_err(self.fault())?;
        let mut encoding = Reader::new(delta.take(length).map_err(self.fault())?);
        let target_bytes = self.admit_target(encoding.number().map_err(self.fault())?)?;
        let indicator = encoding.byte().map_err(self.fault())?;
        let lengths = read_lengths(&mut encoding).map_err(self.fault())?;
        let checksum = if flags & window_flag::ADLER32 != 0 {
            Some(encoding.u32().map_err(self.fault())?)
        } else {
            None
        };
        let sections = self.read_sections(encoding, indicator, lengths, target_bytes)?;
        Ok(WindowHeader { segment, target_bytes, checksum, sections })
    }

    fn read_segment(&self, delta: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
        let length = delta.number().map_err(self.fault())?;
        let start = delta.number().map_err(self.fault())?;
        let needed = start.checked_add(length).ok_or(WindowFault::NumberTooLarge).map_err(self.fault())?;
        let range = usize::try_from(start).ok().zip(usize::try_from(needed).ok());
        range.and_then(|(start, end)| self.source.get(start..end)).ok_or(DecodeError::SourceTooShort {
            window: self.number,
            needed,
            present: self.source.len() as u64,
        })
    }

    fn admit_target(&self, asked: u64) -> Result<usize, DecodeError> {
        LimitKind::Output.admit(self.written.saturating_add(asked), self.limits.output_bytes_max)?;
        LimitKind::Window.admit(asked, self.limits.window_bytes_max)
    }

    fn read_sections(
        &self,
        mut encoding: Reader<'a>,
        indicator: u8,
        lengths: [usize; 3],
        target_bytes: usize,
    ) -> Result<[RawSection<'a>; 3], DecodeError> {
        let mut take = |kind: SectionKind, length| -> Result<RawSection<'a>, WindowFault> {
            let compressed = indicator & kind.flag() != 0;
            if compressed && !self.secondary {
                return Err(WindowFault::NoCompressor(kind));
            }
            let needed_max = SECTION_BYTES_PER_TARGET_BYTE.saturating_mul(target_bytes as u64);
            Ok(RawSection { bytes: encoding.take(length)?, compressed, needed_max })
        };
        let [data, instructions, addresses] = lengths;
        let sections = [
            take(SectionKind::Data, data).map_err(self.fault())?,
            take(SectionKind::Instructions, instructions).map_err(self.fault())?,
            take(SectionKind::Addresses, addresses).map_err(self.fault())?,
        ];
        if indicator & !7 != 0 || !encoding.is_empty() {
            return Err(self.fault()(WindowFault::Lengths));
        }
        Ok(sections)
    }

    fn execute(&mut self, header: &WindowHeader<'a>) -> Result<(), DecodeError> {
        let window = self.number;
        let named = |error| match error {
            SectionError::Limit(error) => error,
            SectionError::Fault(fault) => DecodeError::Window { window, fault },
        };
        let [data, instructions, addresses] = &mut self.sections;
        let [raw_data, raw_instructions, raw_addresses] = &header.sections;
        self.target.clear();
        self.target.reserve(header.target_bytes);
        let mut execution = Execution {
            segment: header.segment,
            target: &mut self.target,
            target_bytes: header.target_bytes,
            data: data.open(raw_data, self.limits).map_err(named)?,
            instructions: instructions.open(raw_instructions, self.limits).map_err(named)?,
            addresses: addresses.open(raw_addresses, self.limits).map_err(named)?,
            cache: AddressCache::new(),
        };
        execution.run().map_err(|fault| DecodeError::Window { window, fault })
    }

    fn fault(&self) -> impl Fn(WindowFault) -> DecodeError + use<> {
        let window = self.number;
        move |fault| DecodeError::Window { window, fault }
    }
}

fn read_lengths(encoding: &mut Reader<'_>) -> Result<[usize; 3], WindowFault> {
    Ok([encoding.length()?, encoding.length()?, encoding.length()?])
}

/// The instructions of a window at work.
struct Execution<'a> {
    segment: &'a [u8],
    target: &'a mut Vec<u8>,
    target_bytes: usize,
    data: Reader<'a>,
    instructions: Reader<'a>,
    addresses: Reader<'a>,
    cache: AddressCache,
}

impl Execution<'_> {
    fn run(&mut self) -> Result<(), WindowFault> {
        while !self.instructions.is_empty() {
            let code = self.instructions.byte()?;
            let [first, second] = TABLE[usize::from(code)];
            self.step(first)?;
            if second.kind != Kind::Noop {
                self.step(second)?;
            }
        }
        if self.target.len() < self.target_bytes {
            return Err(WindowFault::TargetUnderrun);
        }
        for (section, kind) in [(self.data, SectionKind::Data), (self.addresses, SectionKind::Addresses)] {
            if !section.is_empty() {
                return Err(WindowFault::SectionLeftOver(kind));
            }
        }
        Ok(())
    }

    #[inline]
    fn step(&mut self, half: Half) -> Result<(), WindowFault> {
        let size = match half {
            Half { kind: Kind::Noop, .. } => return Ok(()),
            Half { size: 0, .. } => {
                self.instructions.length().map_err(exhausted(SectionKind::Instructions))?
            }
            Half { size, .. } => usize::from(size),
        };
        if size > self.target_bytes - self.target.len() {
            return Err(WindowFault::TargetOverrun);
        }
        match half.kind {
            Kind::Noop => {}
            Kind::Add => {
                let bytes = self.data.take(size).map_err(exhausted(SectionKind::Data))?;
                self.target.extend_from_slice(bytes);
            }
            Kind::Run => {
                let byte = self.data.byte().map_err(exhausted(SectionKind::Data))?;
                self.target.resize(self.target.len() + size, byte);
            }
            Kind::Copy(mode) => self.copy(mode, size)?,
        }
        Ok(())
    }

    fn copy(&mut self, mode: u8, size: usize) -> Result<(), WindowFault> {
        let here = (self.segment.len() + self.target.len()) as u64;
        let address = self.cache.read(mode, here, &mut self.addresses);
        let address = address.map_err(exhausted(SectionKind::Addresses))?;
        let address = usize::try_from(address).map_err(|_| WindowFault::AddressOutOfRange)?;
        let Some(in_segment) = self.segment.get(address..) else {
            self.copy_from_target(address - self.segment.len(), size);
            return Ok(());
        };
        if let Some(bytes) = in_segment.get(..size) {
            self.target.extend_from_slice(bytes);
            return Ok(());
        }
        // The rest of a copy that runs out of the segment goes on at the start of the window.
        self.target.extend_from_slice(in_segment);
        if self.target.is_empty() {
            return Err(WindowFault::AddressOutOfRange);
        }
        self.copy_from_target(0, size - in_segment.len());
        Ok(())
    }

    /// Copies from earlier in the window. What the copy itself writes may be read by it: that is how patterns repeat.
    fn copy_from_target(&mut self, start: usize, size: usize) {
        let mut left = size;
        while left > 0 {
            let chunk = left.min(self.target.len() - start);
            self.target.extend_from_within(start..start + chunk);
            left -= chunk;
        }
    }
}

/// Names the section whose bytes ended.
fn exhausted(kind: SectionKind) -> impl Fn(WindowFault) -> WindowFault {
    move |fault| match fault {
        WindowFault::CutOff => WindowFault::SectionExhausted(kind),
        other => other,
    }
}
