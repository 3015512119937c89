//! LZMA over the sections of one kind, as one stream through all windows.

use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};

use super::EncodeError;
use crate::vcdiff::reader::push_number;

/// The stream of one kind of section.
pub(super) struct Compressor {
    stream: Stream,
}

/// Of each stream, in reader and writer. The sections of one window hardly exceed it.
const DICTIONARY_BYTES: u32 = 1 << 20;
/// Shorter sections stay plain.
const SECTION_BYTES_MIN: usize = 32;

impl Compressor {
    pub(super) fn new(preset: u32) -> Result<Self, EncodeError> {
        let mut options = LzmaOptions::new_preset(preset).map_err(EncodeError::Lzma)?;
        options.dict_size(DICTIONARY_BYTES);
        let mut filters = Filters::new();
        filters.lzma2(&options);
        let stream = Stream::new_stream_encoder(&filters, Check::None).map_err(EncodeError::Lzma)?;
        Ok(Self { stream })
    }

    /// The compressed section with its length in front, or `None` if `plain` is too short to try.
    ///
    /// Once the stream has taken the bytes, they must be written in this form: the next section goes on from them.
    pub(super) fn compress(&mut self, plain: &[u8]) -> Result<Option<Vec<u8>>, EncodeError> {
        if plain.len() < SECTION_BYTES_MIN {
            return Ok(None);
        }
        let mut section = Vec::with_capacity(plain.len() / 2 + 1024);
        push_number(&mut section, plain.len() as u64);
        let mut rest = plain;
        loop {
            let read = self.stream.total_in();
            let status =
                self.stream.process_vec(rest, &mut section, Action::SyncFlush).map_err(EncodeError::Lzma)?;
            let read = usize::try_from(self.stream.total_in() - read).unwrap_or(rest.len());
            rest = &rest[read..];
            if status == Status::StreamEnd {
                return Ok(Some(section));
            }
            section.reserve(section.len().max(1024));
        }
    }
}
