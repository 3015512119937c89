use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime::Error;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::channel::Channel;
use super::meter::{Meter, Stream};
use crate::wire::frame::{Kind, REPLY_BYTES_MAX};

/// How much a guest may write at once; also the size from which buffered output is sent.
const CHUNK_BYTES: usize = 64 << 10;

const _: () = assert!(CHUNK_BYTES <= REPLY_BYTES_MAX);

/// One output stream of a guest: counted, buffered, and sent over the channel.
#[derive(Clone)]
pub(super) struct Output {
    stream: Stream,
    meter: Arc<Meter>,
    channel: Channel,
    buffer: Arc<Mutex<Vec<u8>>>,
}

impl Output {
    pub(super) fn new(stream: Stream, meter: Arc<Meter>, channel: Channel) -> Self {
        Self { stream, meter, channel, buffer: Arc::default() }
    }

    /// Sends what is still buffered.
    pub(super) fn finish(&self) -> Result<(), super::channel::ChannelError> {
        let buffer = std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
        for chunk in buffer.chunks(REPLY_BYTES_MAX) {
            self.channel.send(self.kind(), chunk)?;
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        match self.stream {
            Stream::Stdout => Kind::Stdout,
            Stream::Stderr => Kind::Stderr,
        }
    }

    fn buffered(&self) -> usize {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let granted = self.meter.take(self.stream, bytes.len() as u64);
        let granted = usize::try_from(granted).unwrap_or(bytes.len());
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..granted]);
        if self.buffered() >= CHUNK_BYTES {
            self.finish().map_err(|error| StreamError::Trap(Error::new(error)))?;
        }
        match self.meter.reached() {
            Some(kind) => Err(StreamError::Trap(Error::new(self.meter.reach(kind)))),
            None => Ok(()),
        }
    }

    /// Does not send: a guest that flushes after every line would cost a system call each.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

impl Pollable for Output {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(()))
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// Only preview 3 asks for this, and it is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

/// The standard input of a guest: the sealed bytes that came with the request, or nothing.
#[derive(Clone)]
pub(super) struct Input {
    bytes: Option<Arc<OwnedFd>>,
    position: Arc<AtomicU64>,
}

impl Input {
    pub(super) fn new(bytes: Option<OwnedFd>) -> Self {
        Self { bytes: bytes.map(Arc::new), position: Arc::default() }
    }
}

impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let Some(bytes) = &self.bytes else {
            return Err(StreamError::Closed);
        };
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = vec![0; size.min(CHUNK_BYTES)];
        let position = self.position.load(Ordering::Relaxed);
        let count = rustix::io::pread(bytes, &mut buffer, position)
            .map_err(|error| StreamError::LastOperationFailed(Error::new(error)))?;
        if count == 0 {
            return Err(StreamError::Closed);
        }
        self.position.store(position + count as u64, Ordering::Relaxed);
        buffer.truncate(count);
        Ok(buffer.into())
    }
}

impl Pollable for Input {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(()))
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    /// Only preview 3 asks for this, and it is not linked.
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }
}
