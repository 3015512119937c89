/// Length and kind.
pub(crate) const HEADER_BYTES: usize = 5;
/// The longest payload that the node sends: arguments and environment of a run.
pub(crate) const REQUEST_BYTES_MAX: usize = 1 << 20;
/// The longest payload that the node accepts.
pub(crate) const REPLY_BYTES_MAX: usize = 128 << 10;

/// A header that no honest peer sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// The kind byte means nothing.
    #[error("unknown frame kind {0}")]
    UnknownKind(u8),
    /// The payload would be longer than the receiver accepts.
    #[error("frame of {given} bytes, at most {max} are accepted")]
    TooLong {
        /// What the header says.
        given: usize,
        /// What the receiver accepts.
        max: usize,
    },
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $byte:literal,)+) => {
        /// What a frame carries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)+ }

        impl Kind {
            const fn byte(self) -> u8 {
                match self { $(Self::$kind => $byte,)+ }
            }

            const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$kind),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// Node: who you are and how tight the walls stand; with the scratch directory.
    Setup = 1,
    /// Node: one input file; with its sealed bytes.
    Input = 2,
    /// Node: run; with the compiled code and, if there is one, the standard input.
    Run = 3,
    /// Node: compile; with the module.
    Compile = 4,
    /// Node: are you there?
    Ping = 5,
    /// Node: the answer to what a guest asked others for; with its body, if there is one.
    Fetched = 6,
    /// Worker: the walls stand.
    Ready = 16,
    /// Worker: here.
    Pong = 17,
    /// Worker: some standard output.
    Stdout = 18,
    /// Worker: some standard error.
    Stderr = 19,
    /// Worker: an output file begins; the payload is its path.
    File = 20,
    /// Worker: more of that file.
    FileData = 21,
    /// Worker: the run is over.
    Done = 22,
    /// Compiler: some compiled code.
    Code = 23,
    /// Compiler: the compilation is over.
    Compiled = 24,
    /// Worker: the head of a guest's answer.
    Head = 25,
    /// Worker: some of that answer's body.
    Body = 26,
    /// Worker: some of the body of a request to others, which follows.
    FetchBody = 27,
    /// Worker: a request to others, with the body that came before.
    Fetch = 28,
}

/// Writes the header of a frame whose payload is `len` bytes long.
pub(crate) fn header(kind: Kind, len: usize) -> [u8; HEADER_BYTES] {
    let len = u32::try_from(len).expect("senders keep payloads below the maxima above");
    let [a, b, c, d] = len.to_le_bytes();
    [a, b, c, d, kind.byte()]
}

/// Reads a header; `max` is the longest payload that the reader accepts.
pub(crate) fn parse_header(header: [u8; HEADER_BYTES], max: usize) -> Result<(Kind, usize), FrameError> {
    let [a, b, c, d, kind] = header;
    let kind = Kind::from_byte(kind).ok_or(FrameError::UnknownKind(kind))?;
    let given = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if given > max {
        return Err(FrameError::TooLong { given, max });
    }
    Ok((kind, given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_round_trip_and_hostile_ones_are_named() {
        assert_eq!(parse_header(header(Kind::Stdout, 7), 7), Ok((Kind::Stdout, 7)));
        assert_eq!(parse_header(header(Kind::Done, 8), 7), Err(FrameError::TooLong { given: 8, max: 7 }));
        assert_eq!(parse_header([0, 0, 0, 0, 99], 7), Err(FrameError::UnknownKind(99)));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_within_the_maximum_or_fail(bytes: [u8; HEADER_BYTES], max in 0usize..1 << 20) {
            if let Ok((kind, len)) = parse_header(bytes, max) {
                prop_assert!(len <= max);
                prop_assert_eq!(header(kind, len), bytes);
            }
        }
    }
}
