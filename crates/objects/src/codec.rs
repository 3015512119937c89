use std::io::{Read, Result, Write};

/// How content is written down in a blob file.
///
/// A port, so that deltas and compression can stand beside [`Whole`] without a change to callers: a blob is always
/// addressed by the digest of its *content*, whatever its stored form.
pub trait Codec: Send + Sync + 'static {
    /// Starts writing one blob.
    fn encoder(&self) -> Box<dyn Encoder>;

    /// Turns the stored form that `stored` yields back into content.
    fn decoder<'a>(&self, stored: Box<dyn Read + Send + 'a>) -> Box<dyn Read + Send + 'a>;
}

/// Writes down one blob as its content arrives.
pub trait Encoder: Send {
    /// Takes the next piece of content, and writes to `stored` what is ready.
    fn push(&mut self, content: &[u8], stored: &mut dyn Write) -> Result<()>;

    /// Writes to `stored` what is left.
    fn finish(&mut self, stored: &mut dyn Write) -> Result<()>;
}

/// Stores content as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl Codec for Whole {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(Self)
    }

    fn decoder<'a>(&self, stored: Box<dyn Read + Send + 'a>) -> Box<dyn Read + Send + 'a> {
        stored
    }
}

impl Encoder for Whole {
    fn push(&mut self, content: &[u8], stored: &mut dyn Write) -> Result<()> {
        stored.write_all(content)
    }

    fn finish(&mut self, _stored: &mut dyn Write) -> Result<()> {
        Ok(())
    }
}
