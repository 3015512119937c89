use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::message::{LINE_BYTES_MAX, Message, QmpEvent};

/// How long QEMU may take for a word. What takes longer is a job, and tells its end by an event.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Commands that wait to be sent.
const ORDERS: usize = 32;
/// Events that wait to be heeded. More are lost and counted, as answers come by the same way and must not wait behind them.
const EVENTS: usize = 256;

/// Somebody who asks a QEMU. All clones ask the same one.
#[derive(Clone, Debug)]
pub struct Qmp {
    orders: mpsc::Sender<Order>,
    waiting: Arc<Waiting>,
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The connection is gone, most likely with QEMU.
    #[error("QEMU does not answer any more")]
    Gone,
    /// QEMU took too long.
    #[error("QEMU has not answered `{0}` in time")]
    Late(&'static str),
    /// QEMU has refused.
    #[error("QEMU has refused `{command}`: {reason}")]
    Refused {
        /// The command.
        command: &'static str,
        /// Its kind, as QEMU calls it.
        class: String,
        /// QEMU's words.
        reason: String,
    },
    /// The other end is no QEMU, or none that is known.
    #[error("what answers is no QEMU that is understood")]
    Stranger(#[source] io::Error),
    /// An answer is not what the command answers.
    #[error("QEMU's answer to `{command}` is not understood")]
    Answer {
        /// The command.
        command: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Debug)]
struct Order {
    line: Vec<u8>,
    descriptor: Option<OwnedFd>,
}

/// Who waits for which answer.
#[derive(Debug, Default)]
struct Waiting {
    next: AtomicU64,
    events_lost: AtomicU64,
    /// `None` once the connection is gone.
    asked: Mutex<Option<HashMap<u64, oneshot::Sender<Message>>>>,
}

#[derive(Serialize)]
struct Asked<'a, A> {
    execute: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<A>,
    id: u64,
}

impl Qmp {
    /// Greets a QEMU. Events come from now on, until the connection is gone.
    pub async fn connect(stream: UnixStream) -> Result<(Self, mpsc::Receiver<QmpEvent>), QmpError> {
        let (read, write) = stream.into_split();
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (events, heard) = mpsc::channel(EVENTS);
        let waiting = Arc::new(Waiting::default());
        *waiting.lock() = Some(HashMap::new());
        let mut reader = Reader { read, buffer: BytesMut::new() };
        let greeted = async {
            match reader.next().await? {
                Message::Greeting => Ok(()),
                _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it did not greet")),
            }
        };
        match tokio::time::timeout(ANSWER_WITHIN, greeted).await {
            Ok(greeted) => greeted.map_err(QmpError::Stranger)?,
            Err(_) => return Err(QmpError::Late("greeting")),
        }
        tokio::spawn(send(write, ordered));
        tokio::spawn(receive(reader, Arc::clone(&waiting), events));
        let qmp = Self { orders, waiting };
        qmp.run("qmp_capabilities").await?;
        Ok((qmp, heard))
    }

    /// How many events were lost, because nobody had heeded those before. Who sees it grow asks for the state anew.
    pub fn events_lost(&self) -> u64 {
        self.waiting.events_lost.load(Ordering::Relaxed)
    }

    /// Runs a command without arguments whose answer says nothing.
    pub async fn run(&self, command: &'static str) -> Result<(), QmpError> {
        self.ask(command, None::<()>, None).await.map(drop)
    }

    /// Runs a command whose answer says nothing.
    pub async fn tell(&self, command: &'static str, arguments: impl Serialize) -> Result<(), QmpError> {
        self.ask(command, Some(arguments), None).await.map(drop)
    }

    /// Runs a command, with a descriptor that goes along.
    pub async fn hand(
        &self,
        command: &'static str,
        arguments: impl Serialize,
        descriptor: OwnedFd,
    ) -> Result<(), QmpError> {
        self.ask(command, Some(arguments), Some(descriptor)).await.map(drop)
    }

    /// Runs a command without arguments for its answer.
    pub async fn query<T: DeserializeOwned>(&self, command: &'static str) -> Result<T, QmpError> {
        let value = self.ask(command, None::<()>, None).await?;
        serde_json::from_value(value).map_err(|source| QmpError::Answer { command, source })
    }

    async fn ask(
        &self,
        command: &'static str,
        arguments: Option<impl Serialize>,
        descriptor: Option<OwnedFd>,
    ) -> Result<Value, QmpError> {
        let id = self.waiting.next.fetch_add(1, Ordering::Relaxed);
        let mut line = serde_json::to_vec(&Asked { execute: command, arguments, id })
            .map_err(|source| QmpError::Answer { command, source })?;
        line.push(b'\n');
        let answer = self.waiting.expect(id)?;
        // Whoever gives up must not leave his place behind.
        let _place = Place { waiting: &self.waiting, id };
        let asked = async {
            self.orders.send(Order { line, descriptor }).await.map_err(|_| QmpError::Gone)?;
            answer.await.map_err(|_| QmpError::Gone)
        };
        let answer =
            tokio::time::timeout(ANSWER_WITHIN, asked).await.map_err(|_| QmpError::Late(command))??;
        match answer {
            Message::Answer { answer: Ok(value), .. } => Ok(value),
            Message::Answer { answer: Err(refusal), .. } => {
                Err(QmpError::Refused { command, class: refusal.class, reason: refusal.desc })
            }
            Message::Greeting | Message::Event(_) | Message::Other => Err(QmpError::Gone),
        }
    }
}

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<Message>>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect(&self, id: u64) -> Result<oneshot::Receiver<Message>, QmpError> {
        let (answer, answered) = oneshot::channel();
        self.lock().as_mut().ok_or(QmpError::Gone)?.insert(id, answer);
        Ok(answered)
    }

    fn forget(&self, id: u64) -> Option<oneshot::Sender<Message>> {
        self.lock().as_mut()?.remove(&id)
    }
}

struct Place<'w> {
    waiting: &'w Waiting,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.forget(self.id);
    }
}

struct Reader {
    read: OwnedReadHalf,
    buffer: BytesMut,
}

impl Reader {
    async fn next(&mut self) -> io::Result<Message> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(searched + end + 1);
                return Message::parse(&line).map_err(io::Error::from);
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
            }
            if self.read.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

async fn receive(mut reader: Reader, waiting: Arc<Waiting>, events: mpsc::Sender<QmpEvent>) {
    loop {
        match reader.next().await {
            Ok(Message::Event(event)) => {
                // Nobody may care for events any more.
                if let Err(TrySendError::Full(_)) = events.try_send(event) {
                    waiting.events_lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(answer @ Message::Answer { id, .. }) => {
                if let Some(asked) = waiting.forget(id) {
                    let _ = asked.send(answer);
                }
            }
            Ok(Message::Greeting | Message::Other) => {}
            // What cannot be read is no QEMU any more.
            Err(_) => break,
        }
    }
    // Everybody who waits is told by the end of his channel.
    waiting.lock().take();
}

async fn send(mut write: OwnedWriteHalf, mut orders: mpsc::Receiver<Order>) {
    while let Some(Order { line, descriptor }) = orders.recv().await {
        let sent = match descriptor {
            Some(descriptor) => send_along(&write, &line, &descriptor).await,
            None => Ok(0),
        };
        let sent = match sent {
            Ok(sent) => write.write_all(&line[sent..]).await,
            Err(error) => Err(error),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Sends a descriptor with the first bytes of a line. Returns how many went.
async fn send_along(write: &OwnedWriteHalf, line: &[u8], descriptor: &OwnedFd) -> io::Result<usize> {
    let stream: &UnixStream = write.as_ref();
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(rustix::net::sendmsg(stream, &[IoSlice::new(line)], &mut control, SendFlags::NOSIGNAL)?)
    };
    stream.async_io(Interest::WRITABLE, send).await
}
