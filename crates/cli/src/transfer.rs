//! Moving content between files or pipes and the node, checked at both ends.

use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use casemate_api::objects::{Object, ObjectRef};
use casemate_api::{Client, ClientError, Download, ProblemCode, Upload};
use casemate_model::{Digest, Hasher};
use futures_util::stream;
use indicatif::ProgressBar;
use tokio::sync::{mpsc, oneshot};

use crate::output::Output;
use crate::progress;
use crate::report::CliError;

/// Bytes that are read, hashed and sent at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Pieces that may wait between the file and the network.
const CHUNKS_AHEAD: usize = 4;

/// Where content comes from.
pub(crate) struct Source {
    /// What it is called, in messages.
    label: String,
    reader: Box<dyn Read + Send>,
    length: Option<u64>,
}

impl Source {
    /// A file. One that is no regular file, such as a FIFO, has no length.
    pub(crate) fn file(path: &Path) -> Result<Self, CliError> {
        let file = casemate_fs::read_user_file(path)?;
        let metadata = file
            .metadata()
            .map_err(|source| CliError::Input { what: format!("`{}`", path.display()), source })?;
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self { label: path.display().to_string(), reader: Box::new(file), length })
    }

    /// Standard input.
    pub(crate) fn stdin() -> Self {
        Self { label: "standard input".to_owned(), reader: Box::new(io::stdin()), length: None }
    }

    /// Sealed bytes.
    pub(crate) fn sealed(label: &str, bytes: &casemate_fs::SealedBytes) -> Self {
        Self { label: label.to_owned(), reader: Box::new(bytes.reader()), length: Some(bytes.len()) }
    }

    /// The same, and `count` is told how much was read.
    pub(crate) fn counted(self, count: impl FnMut(u64) + Send + 'static) -> Self {
        let reader = Counted { reader: self.reader, count: Box::new(count) };
        Self { reader: Box::new(reader), ..self }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(label: &str, bytes: Vec<u8>) -> Self {
        let length = Some(bytes.len() as u64);
        Self { label: label.to_owned(), reader: Box::new(io::Cursor::new(bytes)), length }
    }
}

struct Counted {
    reader: Box<dyn Read + Send>,
    count: Box<dyn FnMut(u64) + Send>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        (self.count)(length as u64);
        Ok(length)
    }
}

/// Stores `source` as `object`, and checks that the node stored what was read.
pub(crate) async fn upload(
    client: &Client,
    object: &ObjectRef,
    source: Source,
    media_type: &str,
    output: Output,
) -> Result<Object, CliError> {
    let bar = progress::bar(output, &source.label, source.length);
    let label = source.label.clone();
    let (upload, digest) = start_reading(source, bar.clone());
    let stored = client.objects_put(object, media_type, None, upload).await;
    bar.finish_and_clear();
    let stored = stored?;
    // The node took the whole body, so the reader is done.
    let found = digest.await.unwrap_or_else(|_| Digest::of(b""));
    if stored.digest != found.to_string() {
        return Err(CliError::ContentDiffers { what: label, expected: stored.digest, found });
    }
    Ok(stored)
}

/// Reads `source` on a thread of its own, because reading standard input cannot be given up.
fn start_reading(source: Source, bar: ProgressBar) -> (Upload, oneshot::Receiver<Digest>) {
    let (chunks, received) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
    let (digest, digest_received) = oneshot::channel();
    let Source { mut reader, length, .. } = source;
    std::thread::spawn(move || {
        let mut hasher = Hasher::new();
        loop {
            match read_chunk(&mut *reader) {
                Ok(chunk) if chunk.is_empty() => break,
                Ok(chunk) => {
                    hasher.update(&chunk);
                    bar.inc(chunk.len() as u64);
                    if chunks.blocking_send(Ok(chunk)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let _ = chunks.blocking_send(Err(error));
                    return;
                }
            }
        }
        // Before the end of the stream is seen, so that it is there when the node has answered.
        let _ = digest.send(hasher.finish());
    });
    let stream = stream::unfold(received, |mut received| async {
        received.recv().await.map(|chunk| (chunk, received))
    });
    (Upload::stream(length, stream), digest_received)
}

/// Reads until a chunk is full or the source ends; whatever a pipe has is not held back.
fn read_chunk(reader: &mut dyn Read) -> io::Result<Bytes> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(count) => {
                chunk.truncate(count);
                return Ok(chunk.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Stores bytes under their digest, unless they are there already.
pub(crate) async fn upload_by_digest(
    client: &Client,
    bucket: &str,
    bytes: Vec<u8>,
    (label, ending, media_type): (&str, &str, &str),
    output: Output,
) -> Result<Digest, CliError> {
    let digest = Digest::of(&bytes);
    let object = ObjectRef { bucket: bucket.to_owned(), key: format!("{}{ending}", digest.to_hex()) };
    match client.objects_stat(&object, None).await {
        Ok(found) if found.object.digest == digest.to_string() => return Ok(digest),
        Ok(_) => {}
        Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    upload(client, &object, Source::bytes(label, bytes), media_type, output).await?;
    Ok(digest)
}

/// Writes a download to `sink` and checks it against the digest that the node announced.
pub(crate) async fn download(
    mut download: Download,
    what: &str,
    sink: &mut dyn Sink,
    output: Output,
) -> Result<(), CliError> {
    // A person who watches standard output sees the content itself.
    let bar = if output.data_on_terminal() && sink.is_stdout() {
        ProgressBar::hidden()
    } else {
        progress::bar(output, what, download.length)
    };
    let mut hasher = Hasher::new();
    while let Some(chunk) = download.chunk().await? {
        hasher.update(&chunk);
        sink.take(&chunk)?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    let found = hasher.finish();
    match download.digest {
        Some(expected) if expected != found.to_string() => {
            Err(CliError::ContentDiffers { what: what.to_owned(), expected, found })
        }
        Some(_) | None => Ok(()),
    }
}

/// Where content goes.
pub(crate) trait Sink: Send {
    /// Takes the next piece.
    fn take(&mut self, bytes: &[u8]) -> Result<(), CliError>;

    /// Whether it is standard output.
    fn is_stdout(&self) -> bool {
        false
    }
}

/// Standard output, as it is.
pub(crate) struct Stdout(pub(crate) Output);

impl Sink for Stdout {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.0.data(bytes)
    }

    fn is_stdout(&self) -> bool {
        true
    }
}

/// A file that is being written.
pub(crate) struct Into<'a, W> {
    /// What it is called, in messages.
    pub(crate) label: &'a str,
    /// The file.
    pub(crate) file: &'a mut W,
}

impl<W: Write + Send> Sink for Into<'_, W> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let what = || format!("`{}`", self.label);
        self.file.write_all(bytes).map_err(|source| CliError::Write { what: what(), source })
    }
}
