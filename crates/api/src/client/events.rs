use bytes::BytesMut;
use serde::de::DeserializeOwned;

use super::Download;
use crate::ClientError;
use crate::events::{LogEvent, NameEvent, ObjectEvent, TaskEvent as TaskChange};
use crate::tasks::{FollowedEnd, FollowedState, LogPiece, TaskProgress};

/// Most bytes of one event; ours are far shorter.
const EVENT_BYTES_MAX: usize = 128 << 10;

/// Something that happened on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A task changed its state.
    Task(TaskChange),
    /// An object was stored or deleted.
    Object(ObjectEvent),
    /// A name changed.
    Name(NameEvent),
    /// The log has a new signed checkpoint.
    Log(LogEvent),
    /// Something was missed: what is shown must be read anew.
    Reset,
}

/// Something that happened to a task that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEvent {
    /// Its state, or its attempt, is another one.
    State(FollowedState),
    /// Its program has written something.
    Log(LogPiece),
    /// Its program says how far it is.
    Progress(TaskProgress),
    /// It is over.
    End(FollowedEnd),
}

/// Events as they come, until the node stops or the connection ends.
pub struct Events(Frames);

/// What happens to a task, until its end, or until the node stops.
pub struct TaskEvents(Frames);

/// Server-sent events of one answer.
struct Frames {
    operation: &'static str,
    download: Download,
    buffer: BytesMut,
    last_id: Option<String>,
}

/// One of them.
struct Frame {
    operation: &'static str,
    kind: String,
    data: String,
}

impl Events {
    pub(super) fn new(download: Download) -> Self {
        Self(Frames::new("node.events", download))
    }

    /// The id of the last event, with which another stream goes on after it.
    pub fn last_id(&self) -> Option<&str> {
        self.0.last_id.as_deref()
    }

    /// The next event; `None` when the node ended the stream. Kinds that this version does not know are passed over.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        while let Some(frame) = self.0.next().await? {
            return Ok(Some(match frame.kind.as_str() {
                "task" => Event::Task(frame.decode()?),
                "object" => Event::Object(frame.decode()?),
                "name" => Event::Name(frame.decode()?),
                "log" => Event::Log(frame.decode()?),
                "reset" => Event::Reset,
                _ => continue,
            }));
        }
        Ok(None)
    }
}

impl TaskEvents {
    pub(super) fn new(download: Download) -> Self {
        Self(Frames::new("tasks.logs", download))
    }

    /// The next event; `None` when the node ended the stream. Kinds that this version does not know are passed over.
    pub async fn next(&mut self) -> Result<Option<TaskEvent>, ClientError> {
        while let Some(frame) = self.0.next().await? {
            return Ok(Some(match frame.kind.as_str() {
                "state" => TaskEvent::State(frame.decode()?),
                "log" => TaskEvent::Log(frame.decode()?),
                "progress" => TaskEvent::Progress(frame.decode()?),
                "end" => TaskEvent::End(frame.decode()?),
                _ => continue,
            }));
        }
        Ok(None)
    }
}

impl Frames {
    fn new(operation: &'static str, download: Download) -> Self {
        Self { operation, download, buffer: BytesMut::new(), last_id: None }
    }

    async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        loop {
            while let Some(end) = find_blank_line(&self.buffer) {
                let block = self.buffer.split_to(end + 2);
                let frame = self.parse(&String::from_utf8_lossy(&block));
                if !frame.kind.is_empty() {
                    return Ok(Some(frame));
                }
            }
            if self.buffer.len() > EVENT_BYTES_MAX {
                let (operation, bytes_max) = (self.operation, EVENT_BYTES_MAX);
                return Err(ClientError::AnswerTooLong { operation, bytes_max });
            }
            match self.download.chunk().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    fn parse(&mut self, block: &str) -> Frame {
        let mut frame = Frame { operation: self.operation, kind: String::new(), data: String::new() };
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut frame.kind),
                "data" => frame.data.push_str(value),
                "id" => self.last_id = Some(value.to_owned()),
                // Comments keep the connection alive.
                _ => {}
            }
        }
        frame
    }
}

impl Frame {
    fn decode<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        let operation = self.operation;
        serde_json::from_str(&self.data).map_err(|source| ClientError::BadAnswer { operation, source })
    }
}

fn find_blank_line(buffer: &[u8]) -> Option<usize> {
    buffer.windows(2).position(|pair| pair == b"\n\n")
}
