use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Most bytes of a line. The longest answer that is asked for has some thousands.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// Something that happened in a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct QmpEvent {
    /// What.
    pub kind: QmpEventKind,
    /// What goes with it.
    pub data: Map<String, Value>,
    /// When, as QEMU has it, since 1970.
    pub at: Duration,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// Which events are heeded. All others are dropped where they are read, so that a guest that makes many of them
        /// keeps nobody from his work.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum QmpEventKind {
            $($(#[$doc])* $kind,)*
        }

        impl QmpEventKind {
            fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// How QEMU spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// The processors stand still.
    Stopped = "STOP",
    /// The processors run again.
    Resumed = "RESUME",
    /// The machine ends: `reason` says by whom.
    Shutdown = "SHUTDOWN",
    /// The guest was asked to end.
    PowerDown = "POWERDOWN",
    /// The machine began anew.
    Reset = "RESET",
    /// The guest's system has said that it cannot go on.
    GuestPanicked = "GUEST_PANICKED",
    /// The guest's watchdog was not heard of.
    Watchdog = "WATCHDOG",
    /// A disk could not be read or written.
    DiskError = "BLOCK_IO_ERROR",
    /// A job has come to another state.
    JobStatus = "JOB_STATUS_CHANGE",
    /// Saving or loading the machine's state has come to another state.
    Migration = "MIGRATION",
    /// A device is gone.
    DeviceDeleted = "DEVICE_DELETED",
    /// Somebody in the guest has opened or closed a port of the agent.
    Port = "VSERPORT_CHANGE",
}

/// A line from QEMU.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// The first one.
    Greeting,
    /// An answer.
    Answer { id: u64, answer: Result<Value, Refusal> },
    /// An event that is heeded.
    Event(QmpEvent),
    /// Anything else that may come.
    Other,
}

/// Why QEMU has not done something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) class: String,
    pub(crate) desc: String,
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(rename = "QMP", borrow)]
    greeting: Option<&'l RawValue>,
    id: Option<u64>,
    #[serde(rename = "return")]
    returned: Option<Value>,
    error: Option<Refusal>,
    event: Option<&'l str>,
    #[serde(borrow)]
    data: Option<&'l RawValue>,
    timestamp: Option<At>,
}

#[derive(Deserialize)]
struct At {
    // Negative when QEMU does not know.
    seconds: i64,
    microseconds: i64,
}

impl Message {
    pub(crate) fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        let line: Line<'_> = serde_json::from_slice(line)?;
        if let Some(name) = line.event {
            let Some(kind) = QmpEventKind::of(name) else { return Ok(Self::Other) };
            let data = line.data.map(|data| serde_json::from_str(data.get())).transpose()?;
            let at = line.timestamp.and_then(At::since_epoch).unwrap_or_default();
            return Ok(Self::Event(QmpEvent { kind, data: data.unwrap_or_default(), at }));
        }
        match (line.id, line.error, line.returned) {
            (Some(id), Some(refusal), _) => Ok(Self::Answer { id, answer: Err(refusal) }),
            (Some(id), None, Some(value)) => Ok(Self::Answer { id, answer: Ok(value) }),
            _ if line.greeting.is_some() => Ok(Self::Greeting),
            _ => Ok(Self::Other),
        }
    }
}

impl At {
    fn since_epoch(self) -> Option<Duration> {
        let seconds = u64::try_from(self.seconds).ok()?;
        let micros = u32::try_from(self.microseconds).ok().filter(|micros| *micros < 1_000_000)?;
        Some(Duration::new(seconds, micros * 1_000))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let parse = |text: &str| Message::parse(text.as_bytes()).expect("a message");
        assert_eq!(parse(r#"{"QMP": {"version": {}, "capabilities": ["oob"]}}"#), Message::Greeting);
        assert_eq!(
            parse(r#"{"return": {"running": true}, "id": 7}"#),
            Message::Answer { id: 7, answer: Ok(json!({"running": true})) }
        );
        let refused = parse(r#"{"id": 8, "error": {"class": "GenericError", "desc": "no such thing"}}"#);
        let refusal = Refusal { class: "GenericError".to_owned(), desc: "no such thing".to_owned() };
        assert_eq!(refused, Message::Answer { id: 8, answer: Err(refusal) });
        let event = r#"{"timestamp": {"seconds": 5, "microseconds": 9}, "event": "SHUTDOWN", "data": {"guest": true}}"#;
        let Message::Event(event) = parse(event) else { panic!("no event") };
        assert_eq!((event.kind, event.at), (QmpEventKind::Shutdown, Duration::new(5, 9_000)));
        assert_eq!(event.data.get("guest"), Some(&json!(true)));
    }

    #[test]
    fn what_a_guest_can_make_many_of_is_dropped() {
        let line = br#"{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "RTC_CHANGE", "data": {"offset": 3}}"#;
        assert_eq!(Message::parse(line).ok(), Some(Message::Other));
        assert_eq!(Message::parse(br#"{"return": {}}"#).ok(), Some(Message::Other));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let deep = format!("{{\"return\": {}1{}, \"id\": 1}}", "[".repeat(200), "]".repeat(200));
        for line in ["", "{", "[]", "{\"id\": -1}", "{\"id\": 1, \"error\": {}}", &deep] {
            assert!(Message::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
