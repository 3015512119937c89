//! What xdelta3 notes about the files: `<output>/<compression>/<source>/<compression>`.

/// The application header. Nothing here is needed for decoding, and nothing here is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHeader {
    /// The bytes as they are.
    pub raw: Vec<u8>,
    /// The file that was encoded, if the bytes are in xdelta3's form.
    pub target: Option<FileNote>,
    /// The file that it was encoded against, if the bytes are in xdelta3's form.
    pub source: Option<FileNote>,
}

/// What xdelta3 notes about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNote {
    /// The name without directories, `-` for standard input; as text from outside.
    pub name: String,
    /// The compression that xdelta3 took off before encoding, which decoding does not put back.
    pub unwrapped: Option<ExternalCompression>,
}

/// A compression that xdelta3 takes off files before it encodes them, unless it is told `-D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalCompression {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// compress (LZW).
    Compress,
    /// A letter that is not known.
    Unknown(char),
}

impl AppHeader {
    /// Reads leniently: what is not in xdelta3's form is kept as bytes only.
    ///
    /// A level behind the letter of the compression and a digest behind the name, as newer versions write them, stay
    /// with the raw bytes.
    pub fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let parts: Vec<&str> = text.split('/').collect();
        let (target, source) = match parts[..] {
            [name, compression] => (Some(FileNote::new(name, compression)), None),
            [name, compression, source, source_compression] => {
                (Some(FileNote::new(name, compression)), Some(FileNote::new(source, source_compression)))
            }
            _ => (None, None),
        };
        Self { raw: raw.to_vec(), target, source }
    }
}

impl FileNote {
    fn new(name: &str, compression: &str) -> Self {
        let name = name.split_once('#').map_or(name, |(name, _digest)| name);
        Self { name: name.to_owned(), unwrapped: compression.chars().next().map(ExternalCompression::of) }
    }
}

impl ExternalCompression {
    fn of(letter: char) -> Self {
        match letter {
            'G' => Self::Gzip,
            'B' => Self::Bzip2,
            'Y' => Self::Xz,
            'Z' => Self::Compress,
            other => Self::Unknown(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str, unwrapped: Option<ExternalCompression>) -> Option<FileNote> {
        Some(FileNote { name: name.to_owned(), unwrapped })
    }

    #[test]
    fn headers_are_read_as_far_as_they_are_understood() {
        use ExternalCompression::{Gzip, Unknown, Xz};
        let cases: [(&[u8], _, _); 8] = [
            (b"b//a/", note("b", None), note("a", None)),
            (b"b/", note("b", None), None),
            (b"b.gz/G/a.xz/Y", note("b.gz", Some(Gzip)), note("a.xz", Some(Xz))),
            (b"b#0123/G9/a#4567/", note("b", Some(Gzip)), note("a", None)),
            (b"b/Q", note("b", Some(Unknown('Q'))), None),
            (b"something else", None, None),
            (b"\xff/", note("\u{fffd}", None), None),
            (b"", None, None),
        ];
        for (raw, target, source) in cases {
            assert_eq!(AppHeader::parse(raw), AppHeader { raw: raw.to_vec(), target, source });
        }
    }
}
