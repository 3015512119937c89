use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::error::SandboxError;
use crate::spawner::{Role, Spawner};
use crate::walls::Walls;
use crate::wire::frame::{self, FrameError, HEADER_BYTES, Kind, REPLY_BYTES_MAX};
use crate::wire::message::{Ready, Setup};

/// How long a process may take from its start to standing walls, on a busy host.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a process that closed its channel may take to end.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How much of a dying process's standard error is read.
const LAST_WORDS_BYTES: u64 = 4096;
/// The most descriptors that go with one request.
const DESCRIPTORS_MAX: usize = 2;

/// The node's end of one worker or compiler process. The process dies with this value.
pub(crate) struct Process {
    child: Child,
    channel: UnixStream,
    received: BytesMut,
}

/// A process that does not behave; it must be killed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// Reading or writing the channel failed.
    #[error("the channel failed")]
    Channel(#[source] io::Error),
    /// The process closed its channel.
    #[error("the process ended")]
    Ended,
    /// A header that no honest process sends.
    #[error("a bad frame came")]
    Frame(#[from] FrameError),
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Obituary {
    /// The signal that killed it.
    pub(crate) signal: Option<i32>,
    /// What it wrote to standard error.
    pub(crate) last_words: String,
    text: String,
}

impl Process {
    /// Starts a process, sets it up, and waits until its walls stand.
    pub(crate) async fn start(
        spawner: &Spawner,
        role: Role,
        setup: &Setup,
        scratch: Option<BorrowedFd<'_>>,
    ) -> Result<(Self, Walls), SandboxError> {
        let (ours, theirs) = StdUnixStream::pair().map_err(SandboxError::Spawn)?;
        ours.set_nonblocking(true).map_err(SandboxError::Spawn)?;
        let child = spawner.spawn(role, OwnedFd::from(theirs)).await.map_err(SandboxError::Spawn)?;
        let channel = UnixStream::from_std(ours).map_err(SandboxError::Spawn)?;
        let mut process = Self { child, channel, received: BytesMut::new() };
        let ready = tokio::time::timeout(READY_WITHIN, process.set_up(setup, scratch)).await;
        match ready {
            Ok(Ok(walls)) => Ok((process, walls)),
            Ok(Err(error)) => {
                let obituary = process.obituary().await;
                Err(SandboxError::NotReady(format!("{error}; {obituary}")))
            }
            Err(_) => Err(SandboxError::NotReady(format!("no word within {READY_WITHIN:?}"))),
        }
    }

    async fn set_up(
        &mut self,
        setup: &Setup,
        scratch: Option<BorrowedFd<'_>>,
    ) -> Result<Walls, ProcessError> {
        let scratch: Vec<_> = scratch.into_iter().collect();
        self.send_json(Kind::Setup, setup, &scratch).await?;
        let (kind, payload) = self.receive().await?;
        if kind != Kind::Ready {
            return Err(ProcessError::Channel(io::Error::other("not ready")));
        }
        let ready: Ready =
            serde_json::from_slice(&payload).map_err(|error| ProcessError::Channel(error.into()))?;
        Ok(ready.walls)
    }

    /// Sends one message of our own types, with descriptors.
    pub(crate) async fn send_json<T: Serialize>(
        &mut self,
        kind: Kind,
        message: &T,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), ProcessError> {
        let payload = serde_json::to_vec(message).map_err(|error| ProcessError::Channel(error.into()))?;
        self.send(kind, &payload, descriptors).await
    }

    /// Sends one frame, with descriptors on its first byte.
    pub(crate) async fn send(
        &mut self,
        kind: Kind,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), ProcessError> {
        let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
        frame.extend_from_slice(&frame::header(kind, payload.len()));
        frame.extend_from_slice(payload);
        let sent = self
            .channel
            .async_io(Interest::WRITABLE, || send_some(&self.channel, &frame, descriptors))
            .await
            .map_err(ProcessError::Channel)?;
        self.channel.write_all(&frame[sent..]).await.map_err(ProcessError::Channel)
    }

    /// Waits for the next frame. May be dropped and called again without losing any.
    pub(crate) async fn receive(&mut self) -> Result<(Kind, Bytes), ProcessError> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(frame);
            }
            self.received.reserve(HEADER_BYTES + REPLY_BYTES_MAX);
            let count = self.channel.read_buf(&mut self.received).await.map_err(ProcessError::Channel)?;
            if count == 0 {
                return Err(ProcessError::Ended);
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<(Kind, Bytes)>, ProcessError> {
        let Some(header) = self.received.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let (kind, len) = frame::parse_header(*header, REPLY_BYTES_MAX)?;
        if self.received.len() < HEADER_BYTES + len {
            return Ok(None);
        }
        self.received.advance(HEADER_BYTES);
        Ok(Some((kind, self.received.split_to(len).freeze())))
    }

    /// Tells whether the process is there and has said nothing that nobody asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let waiting = rustix::net::recv(&self.channel, &mut [0; 1], flags);
        self.received.is_empty() && matches!(waiting, Err(rustix::io::Errno::AGAIN))
    }

    /// Its number; nothing if it has ended.
    pub(crate) fn pid(&self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(i32::try_from(self.child.id()?).ok()?)
    }

    /// Kills the process without waiting for its end.
    pub(crate) fn kill(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.start_kill();
    }

    /// Waits for the end of a process that has been killed.
    pub(crate) async fn ended(&mut self) {
        let _ = self.child.wait().await;
    }

    /// Waits a little for the process to end by itself, kills it otherwise, and says how it ended.
    pub(crate) async fn obituary(&mut self) -> Obituary {
        if tokio::time::timeout(END_WITHIN, self.child.wait()).await.is_err() {
            self.kill();
        }
        let status = self.child.wait().await.ok();
        let mut words = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let mut stderr = stderr.take(LAST_WORDS_BYTES);
            let _ = tokio::time::timeout(END_WITHIN, stderr.read_to_end(&mut words)).await;
        }
        let last_words = String::from_utf8_lossy(&words).trim().to_owned();
        let status = status.map_or("its end is unknown".to_owned(), |status| status.to_string());
        let signal = self.child.try_wait().ok().flatten().and_then(|status| status.signal());
        let text = if last_words.is_empty() { status } else { format!("{status}: {last_words}") };
        Obituary { signal, last_words, text }
    }
}

impl std::fmt::Display for Obituary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn send_some(channel: &UnixStream, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one request"));
    }
    let sent = rustix::net::sendmsg(channel, &[IoSlice::new(frame)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(sent)
}
