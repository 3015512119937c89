//! From steps to the bytes of a window.

use super::compressor::Compressor;
use super::steps::{Step, Steps};
use super::{EncodeError, Secondary};
use crate::vcdiff::address_cache::AddressCache;
use crate::vcdiff::adler::adler32;
use crate::vcdiff::code_table::{self, Half, Kind};
use crate::vcdiff::reader::push_number;
use crate::vcdiff::{SectionKind, window_flag};

/// Writes windows, and keeps the streams of compressed sections between them.
pub(super) struct WindowWriter {
    compressors: Option<[Compressor; 3]>,
}

impl WindowWriter {
    pub(super) fn new(secondary: Secondary) -> Result<Self, EncodeError> {
        let compressors = match secondary {
            Secondary::None => None,
            Secondary::Lzma { preset } => {
                Some([Compressor::new(preset)?, Compressor::new(preset)?, Compressor::new(preset)?])
            }
        };
        Ok(Self { compressors })
    }

    /// Appends the window that `steps` rebuild as `content`.
    pub(super) fn write(
        &mut self,
        content: &[u8],
        steps: &Steps,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let segment = steps.segment.clone().unwrap_or(0..0);
        let mut sections = Sections::new(segment.start, segment.len());
        for step in &steps.list {
            sections.push(*step, content);
        }
        let (sections, indicator) = self.compressed(sections)?;
        out.push(window_flag::ADLER32 | if segment.is_empty() { 0 } else { window_flag::SOURCE });
        if !segment.is_empty() {
            push_number(out, segment.len() as u64);
            push_number(out, segment.start as u64);
        }
        let mut lengths = Vec::new();
        push_number(&mut lengths, content.len() as u64);
        lengths.push(indicator);
        for section in &sections {
            push_number(&mut lengths, section.len() as u64);
        }
        lengths.extend_from_slice(&adler32(content).to_be_bytes());
        let sections_length: usize = sections.iter().map(Vec::len).sum();
        push_number(out, (lengths.len() + sections_length) as u64);
        out.extend_from_slice(&lengths);
        for section in &sections {
            out.extend_from_slice(section);
        }
        Ok(())
    }

    /// The sections as they are written, and the indicator that tells which are compressed.
    fn compressed(&mut self, sections: Sections) -> Result<([Vec<u8>; 3], u8), EncodeError> {
        let mut plain = [sections.data, sections.instructions, sections.addresses];
        let mut indicator = 0;
        let Some(compressors) = &mut self.compressors else { return Ok((plain, indicator)) };
        for ((section, compressor), kind) in plain.iter_mut().zip(compressors).zip(SectionKind::ALL) {
            if let Some(compressed) = compressor.compress(section)? {
                *section = compressed;
                indicator |= kind.flag();
            }
        }
        Ok((plain, indicator))
    }
}

/// The sections of a window while they are made.
struct Sections {
    data: Vec<u8>,
    instructions: Vec<u8>,
    addresses: Vec<u8>,
    cache: AddressCache,
    segment_start: usize,
    segment_bytes: usize,
    written: usize,
    /// The instruction that the last code stands for, if it could be joined with the next.
    last: Option<Half>,
}

impl Sections {
    fn new(segment_start: usize, segment_bytes: usize) -> Self {
        Self {
            data: Vec::new(),
            instructions: Vec::new(),
            addresses: Vec::new(),
            cache: AddressCache::new(),
            segment_start,
            segment_bytes,
            written: 0,
            last: None,
        }
    }

    fn push(&mut self, step: Step, content: &[u8]) {
        let length = match step {
            Step::Add { position, length } => {
                self.data.extend_from_slice(&content[position..position + length]);
                self.push_add(length);
                length
            }
            Step::Run { byte, length } => {
                self.data.push(byte);
                self.push_code((code_table::RUN_CODE, true), Kind::Run, length);
                length
            }
            Step::CopySource { position, length } => {
                self.push_copy(position - self.segment_start, length);
                length
            }
            Step::CopyWindow { position, length } => {
                self.push_copy(self.segment_bytes + position, length);
                length
            }
        };
        self.written += length;
    }

    fn push_add(&mut self, length: usize) {
        if let Some(Half { kind: Kind::Copy(mode), size }) = self.last
            && let Some(code) = code_table::copy_add_code(usize::from(size), mode, length)
        {
            self.join(code);
        } else {
            self.push_code(code_table::add_code(length), Kind::Add, length);
        }
    }

    fn push_copy(&mut self, address: usize, length: usize) {
        let here = (self.segment_bytes + self.written) as u64;
        let form = self.cache.form(address as u64, here);
        self.cache.write(form, address as u64, &mut self.addresses);
        if let Some(Half { kind: Kind::Add, size }) = self.last
            && let Some(code) = code_table::add_copy_code(usize::from(size), length, form.mode)
        {
            self.join(code);
        } else {
            self.push_code(code_table::copy_code(length, form.mode), Kind::Copy(form.mode), length);
        }
    }

    fn push_code(&mut self, (code, size_follows): (u8, bool), kind: Kind, length: usize) {
        self.instructions.push(code);
        if size_follows {
            push_number(&mut self.instructions, length as u64);
        }
        // A size that follows its code leaves no room for a second instruction.
        let size = u8::try_from(length).ok().filter(|_| !size_follows);
        self.last = size.map(|size| Half { kind, size });
    }

    /// Replaces the last code by one that stands for it and the instruction at hand.
    fn join(&mut self, code: u8) {
        if let Some(last) = self.instructions.last_mut() {
            *last = code;
        }
        self.last = None;
    }
}
