use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::frame::{self, FrameError, HEADER_BYTES, Kind, REPLY_BYTES_MAX, REQUEST_BYTES_MAX};

/// The most descriptors that one request carries: code and standard input.
const DESCRIPTORS_MAX: usize = 2;

/// The worker's end of the channel. Blocking: a worker has nothing to do but what the node asks.
#[derive(Clone)]
pub(crate) struct Channel {
    socket: Arc<OwnedFd>,
}

/// One request of the node.
pub(crate) struct Request {
    /// What is asked.
    pub(crate) kind: Kind,
    /// The descriptors that came along, in order.
    pub(crate) descriptors: Vec<OwnedFd>,
    payload: Vec<u8>,
}

/// A channel that cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// Reading or writing failed.
    #[error("could not {0} the channel")]
    System(&'static str, #[source] Errno),
    /// The channel closed in the middle of a frame.
    #[error("the channel closed within a frame")]
    Torn,
    /// The header makes no sense.
    #[error("bad frame")]
    Frame(#[from] FrameError),
    /// The payload makes no sense.
    #[error("bad {0:?} request")]
    Payload(Kind, #[source] serde_json::Error),
    /// A descriptor is missing.
    #[error("{0:?} request without its descriptor")]
    NoDescriptor(Kind),
    /// Not the request that must come now.
    #[error("{0:?} request out of turn")]
    OutOfTurn(Kind),
}

impl Request {
    /// The payload as the message that its kind promises.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ChannelError> {
        serde_json::from_slice(&self.payload).map_err(|error| ChannelError::Payload(self.kind, error))
    }

    /// The next descriptor that came along.
    pub(crate) fn take_descriptor(&mut self) -> Result<OwnedFd, ChannelError> {
        if self.descriptors.is_empty() {
            return Err(ChannelError::NoDescriptor(self.kind));
        }
        Ok(self.descriptors.remove(0))
    }
}

impl Channel {
    /// The channel that the node gave this process as its standard input.
    pub(crate) fn of_this_process() -> Result<Self, ChannelError> {
        let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(|error| {
            ChannelError::System("take", Errno::from_io_error(&error).unwrap_or(Errno::BADF))
        })?;
        Ok(Self { socket: Arc::new(socket) })
    }

    /// Waits for the next request; nothing when the node has gone.
    pub(crate) fn receive(&self) -> Result<Option<Request>, ChannelError> {
        let mut descriptors = Vec::new();
        let mut header = [0; HEADER_BYTES];
        let mut filled = 0;
        while filled < HEADER_BYTES {
            match self.receive_some(&mut header[filled..], &mut descriptors)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(ChannelError::Torn),
                count => filled += count,
            }
        }
        let (kind, len) = frame::parse_header(header, REQUEST_BYTES_MAX)?;
        let mut payload = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match retry(|| rustix::io::read(&self.socket, &mut payload[filled..])) {
                Ok(0) => return Err(ChannelError::Torn),
                Ok(count) => filled += count,
                Err(error) => return Err(ChannelError::System("read", error)),
            }
        }
        Ok(Some(Request { kind, descriptors, payload }))
    }

    fn receive_some(&self, bytes: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> Result<usize, ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = retry(|| {
            let mut parts = [IoSliceMut::new(bytes)];
            rustix::net::recvmsg(&self.socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
        })
        .map_err(|error| ChannelError::System("read", error))?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        Ok(received.bytes)
    }

    /// Sends one frame; `payload` must be at most [`REPLY_BYTES_MAX`] long.
    pub(crate) fn send(&self, kind: Kind, payload: &[u8]) -> Result<(), ChannelError> {
        debug_assert!(payload.len() <= REPLY_BYTES_MAX, "callers cut their payloads");
        let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
        frame.extend_from_slice(&frame::header(kind, payload.len()));
        frame.extend_from_slice(payload);
        self.send_raw(&frame)
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&self, mut bytes: &[u8]) -> Result<(), ChannelError> {
        while !bytes.is_empty() {
            let count = retry(|| rustix::io::write(&self.socket, bytes))
                .map_err(|error| ChannelError::System("write", error))?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Sends a message of our own types.
    pub(crate) fn send_json<T: Serialize>(&self, kind: Kind, message: &T) -> Result<(), ChannelError> {
        let payload = serde_json::to_vec(message).map_err(|error| ChannelError::Payload(kind, error))?;
        self.send(kind, &payload)
    }
}

/// Repeats a call that a signal interrupted.
fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
