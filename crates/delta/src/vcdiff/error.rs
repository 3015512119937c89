use std::io;

use super::{LimitKind, SectionKind};

/// Why bytes could not be decoded. What was written to the sink before is right as far as it goes, and incomplete.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The first bytes are not those of VCDIFF.
    #[error("the bytes are not a VCDIFF delta")]
    NotVcdiff,
    /// The header has flags that neither the RFC nor xdelta3 knows.
    #[error("the header has unknown flags {0:#04x}")]
    UnknownHeaderFlags(u8),
    /// The delta brings its own code table; nothing known writes one.
    #[error("the delta has a code table of its own, which is not read")]
    CodeTableRefused,
    /// Sections may be compressed by something else than LZMA.
    #[error("the delta uses the secondary compressor {name} ({0}), only LZMA (2) is read", name = compressor_name(*.0))]
    SecondaryRefused(u8),
    /// The bytes end inside the header.
    #[error("the header is cut off")]
    HeaderCutOff,
    /// There is no window: the delta was cut off behind its header, for even empty content takes one.
    #[error("the delta ends after its header")]
    NoWindow,
    /// One of the limits was reached.
    #[error("the {kind} takes {asked} bytes, {max} are allowed")]
    LimitReached {
        /// Which limit.
        kind: LimitKind,
        /// What the delta asks for.
        asked: u64,
        /// What is allowed.
        max: u64,
    },
    /// A window copies from beyond the end of the source: the source is not the one that the delta was made from.
    #[error("window {window} reads the source up to byte {needed}, which has {present}")]
    SourceTooShort {
        /// Number of the window, from 0.
        window: u64,
        /// Bytes of the source that the window reads.
        needed: u64,
        /// Bytes of the source.
        present: u64,
    },
    /// The window decodes to something else than was encoded: a wrong source or a damaged delta.
    #[error("window {window} has the Adler-32 checksum {found:08x} instead of {expected:08x}")]
    Checksum {
        /// Number of the window, from 0.
        window: u64,
        /// As the delta says.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// A window breaks the format.
    #[error("window {window} is malformed")]
    Window {
        /// Number of the window, from 0.
        window: u64,
        /// What is wrong with it.
        #[source]
        fault: WindowFault,
    },
    /// The sink failed.
    #[error("cannot write what was decoded")]
    Sink(#[source] io::Error),
}

/// How a window breaks the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowFault {
    /// The bytes end too early.
    #[error("it is cut off")]
    CutOff,
    /// A number does not fit 64 bits.
    #[error("a number is too large")]
    NumberTooLarge,
    /// The indicator has flags that neither the RFC nor xdelta3 knows.
    #[error("it has unknown flags {0:#04x}")]
    UnknownFlags(u8),
    /// The window copies from content decoded earlier, which would have to be kept whole. xdelta3 never writes it.
    #[error("it copies from earlier target windows (VCD_TARGET), which is not read")]
    TargetSegmentRefused,
    /// Its lengths contradict each other.
    #[error("its lengths contradict each other")]
    Lengths,
    /// A section is compressed though the header names no compressor.
    #[error("its {0} are compressed, but the header names no compressor")]
    NoCompressor(SectionKind),
    /// The LZMA stream of a section is broken.
    #[error("the LZMA stream of its {0} is broken")]
    Lzma(SectionKind, #[source] liblzma::stream::Error),
    /// The LZMA stream of a section holds more or less than its length says.
    #[error("the LZMA stream of its {0} holds another length than it says")]
    LzmaLength(SectionKind),
    /// An instruction needs more bytes than the section has.
    #[error("its {0} are used up too early")]
    SectionExhausted(SectionKind),
    /// Bytes of a section are left over.
    #[error("bytes of its {0} are left over")]
    SectionLeftOver(SectionKind),
    /// An instruction writes beyond the end of the window.
    #[error("it writes more than its length")]
    TargetOverrun,
    /// The instructions write less than the length of the window.
    #[error("it writes less than its length")]
    TargetUnderrun,
    /// A copy reads what is not there yet.
    #[error("a copy reads from beyond what is decoded")]
    AddressOutOfRange,
}

fn compressor_name(id: u8) -> &'static str {
    match id {
        1 => "DJW",
        16 => "FGK",
        _ => "unknown",
    }
}
