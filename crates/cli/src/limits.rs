//! Limits of runs, as they are written on a command line: `wall=5s`, `memory=64MiB`, `fuel=1000000`.

use std::str::FromStr;

use casemate_api::tasks::{Limits, LimitsRequest, Usage};
use casemate_model::ByteSize;

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    key: Key,
    value: u64,
}

/// Why text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitError {
    /// No value.
    #[error("`{0}` is not a limit: expected KEY=VALUE, such as wall=5s")]
    Shape(String),
    /// An unknown key.
    #[error(
        "there is no limit `{0}`: use one of wall, fuel, memory, tables, instances, stack, output, log, compile, compile-memory"
    )]
    Key(String),
    /// A value of the wrong kind.
    #[error("`{text}` is not {wanted}")]
    Value {
        /// The value.
        text: String,
        /// What it should be.
        wanted: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Wall,
    Fuel,
    Memory,
    Tables,
    Instances,
    Stack,
    Output,
    Log,
    Compile,
    CompileMemory,
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or_else(|| LimitError::Shape(text.to_owned()))?;
        let (key, value) = match key {
            "wall" => (Key::Wall, millis(value)?),
            "fuel" => (Key::Fuel, count(value)?),
            "memory" => (Key::Memory, bytes(value)?),
            "tables" => (Key::Tables, count(value)?),
            "instances" => (Key::Instances, u64::from(count::<u32>(value)?)),
            "stack" => (Key::Stack, bytes(value)?),
            "output" => (Key::Output, bytes(value)?),
            "log" => (Key::Log, bytes(value)?),
            "compile" => (Key::Compile, millis(value)?),
            "compile-memory" => (Key::CompileMemory, bytes(value)?),
            other => return Err(LimitError::Key(other.to_owned())),
        };
        Ok(Self { key, value })
    }
}

/// Joins limits; of two for the same key the later one counts.
pub(crate) fn request(limits: &[Limit]) -> LimitsRequest {
    let mut request = LimitsRequest::default();
    for Limit { key, value } in limits {
        let value = Some(*value);
        match key {
            Key::Wall => request.wall_ms = value,
            Key::Fuel => request.fuel = value,
            Key::Memory => request.memory_bytes = value,
            Key::Tables => request.table_elements = value,
            Key::Instances => request.instances = value.and_then(|value| u32::try_from(value).ok()),
            Key::Stack => request.stack_bytes = value,
            Key::Output => request.output_bytes = value,
            Key::Log => request.log_bytes = value,
            Key::Compile => request.compile_ms = value,
            Key::CompileMemory => request.compile_memory_bytes = value,
        }
    }
    request
}

/// What was used of what was allowed, for people.
pub(crate) fn used(usage: &Usage, limits: &Limits) -> String {
    let size = |used: u64, allowed: u64| format!("{} of {}", ByteSize::bytes(used), ByteSize::bytes(allowed));
    format!(
        "time {} of {} ms (queue {}, compile {}), fuel {} of {}, memory {}, output {}, log {}",
        usage.wall_ms,
        limits.wall_ms,
        usage.queue_ms,
        usage.compile_ms,
        usage.fuel,
        limits.fuel,
        size(usage.memory_bytes_peak, limits.memory_bytes),
        size(usage.output_bytes, limits.output_bytes),
        size(usage.log_bytes, limits.log_bytes),
    )
}

fn count<T: FromStr>(text: &str) -> Result<T, LimitError> {
    let wanted = "a whole number that fits";
    text.parse().map_err(|_| LimitError::Value { text: text.to_owned(), wanted })
}

fn bytes(text: &str) -> Result<u64, LimitError> {
    let wanted = "a size, such as 64MiB";
    let size: Result<ByteSize, _> = text.parse();
    size.map(ByteSize::as_u64).map_err(|_| LimitError::Value { text: text.to_owned(), wanted })
}

/// Reads a time such as `500ms` or `2m`, in milliseconds.
pub(crate) fn millis(text: &str) -> Result<u64, LimitError> {
    let bad = || LimitError::Value { text: text.to_owned(), wanted: "a time, such as 500ms, 5s, 2m or 1h" };
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    let number: u64 = digits.parse().map_err(|_| bad())?;
    number.checked_mul(scale).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_units() {
        let parse = |text: &str| text.parse::<Limit>().unwrap();
        let limits = ["wall=5s", "memory=64MiB", "fuel=7", "wall=500ms", "instances=2"].map(parse);
        let expected = LimitsRequest {
            wall_ms: Some(500),
            fuel: Some(7),
            memory_bytes: Some(64 << 20),
            instances: Some(2),
            ..LimitsRequest::default()
        };
        assert_eq!(request(&limits), expected);
    }

    #[test]
    fn bad_limits_say_what_would_do() {
        for (text, message) in [
            ("wall", "`wall` is not a limit: expected KEY=VALUE, such as wall=5s"),
            ("wall=5", "`5` is not a time, such as 500ms, 5s, 2m or 1h"),
            ("memory=lots", "`lots` is not a size, such as 64MiB"),
            ("fuel=-1", "`-1` is not a whole number that fits"),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap_err().to_string(), message);
        }
        assert!(matches!("speed=1".parse::<Limit>(), Err(LimitError::Key(_))));
    }
}
