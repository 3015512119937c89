use bytes::BytesMut;
use serde::de::DeserializeOwned;

use super::Download;
use crate::ClientError;
use crate::events::{LogEvent, NameEvent, ObjectEvent, TaskEvent};

/// Most bytes of one event; ours are far shorter.
const EVENT_BYTES_MAX: usize = 64 << 10;

const OPERATION: &str = "node.events";

/// Something that happened on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A task changed its state.
    Task(TaskEvent),
    /// An object was stored or deleted.
    Object(ObjectEvent),
    /// A name changed.
    Name(NameEvent),
    /// The log has a new signed checkpoint.
    Log(LogEvent),
    /// Something was missed: what is shown must be read anew.
    Reset,
}

/// Events as they come, until the node stops or the connection ends.
pub struct Events {
    download: Download,
    buffer: BytesMut,
    last_id: Option<String>,
}

impl Events {
    pub(super) fn new(download: Download) -> Self {
        Self { download, buffer: BytesMut::new(), last_id: None }
    }

    /// The id of the last event, with which another stream goes on after it.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The next event; `None` when the node ended the stream. Kinds that this version does not know are passed over.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            while let Some(end) = find_blank_line(&self.buffer) {
                let block = self.buffer.split_to(end + 2);
                if let Some(event) = self.parse(&String::from_utf8_lossy(&block))? {
                    return Ok(Some(event));
                }
            }
            if self.buffer.len() > EVENT_BYTES_MAX {
                return Err(ClientError::AnswerTooLong { operation: OPERATION, bytes_max: EVENT_BYTES_MAX });
            }
            match self.download.chunk().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    fn parse(&mut self, block: &str) -> Result<Option<Event>, ClientError> {
        let (mut kind, mut data) = ("", String::new());
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => kind = value,
                "data" => data.push_str(value),
                "id" => self.last_id = Some(value.to_owned()),
                // Comments keep the connection alive.
                _ => {}
            }
        }
        Ok(match kind {
            "task" => Some(Event::Task(decode(&data)?)),
            "object" => Some(Event::Object(decode(&data)?)),
            "name" => Some(Event::Name(decode(&data)?)),
            "log" => Some(Event::Log(decode(&data)?)),
            "reset" => Some(Event::Reset),
            _ => None,
        })
    }
}

fn decode<T: DeserializeOwned>(data: &str) -> Result<T, ClientError> {
    serde_json::from_str(data).map_err(|source| ClientError::BadAnswer { operation: OPERATION, source })
}

fn find_blank_line(buffer: &[u8]) -> Option<usize> {
    buffer.windows(2).position(|pair| pair == b"\n\n")
}
