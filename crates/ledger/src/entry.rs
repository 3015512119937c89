use casemate_model::Digest;

use crate::canonical::{DecodeError, EncodeError, Kind, Reader, Writer, first_unsorted};
use crate::{Decision, Event};

/// An event with its place in the log, linked to the entry before it.
///
/// `docs/formats/entry.md` lays down the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 0, without gaps.
    pub sequence: u64,
    /// [`Entry::digest_of`] the former entry's bytes; [`Entry::NO_PREVIOUS`] for entry 0.
    pub previous: Digest,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// Most bytes of an encoded entry: the length field of C2SP entry bundles has 16 bits.
    pub const BYTES_MAX: usize = 65_535;
    /// The link of the first entry.
    pub const NO_PREVIOUS: Digest = Digest::from_bytes([0; 32]);

    /// Gives `event` its place. Odd texts are escaped and long ones cut, so that the entry can be encoded.
    pub fn new(sequence: u64, previous: Digest, event: Event) -> Self {
        Self { sequence, previous, event: event.normalised() }
    }

    /// What the next entry says as `previous`.
    pub fn digest_of(bytes: &[u8]) -> Digest {
        Digest::of(bytes)
    }

    /// Writes the canonical bytes. An entry made by [`Entry::new`] fails only for details that are too many or
    /// that repeat a key.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let event = &self.event;
        let mut writer = Writer::new(&KIND);
        writer.u64(self.sequence);
        writer.digest(&self.previous);
        writer.time(event.time);
        writer.u8(match event.decision {
            Decision::Denied => 0,
            Decision::Allowed => 1,
        });
        writer.display(&event.request);
        writer.display(&event.actor);
        writer.display(&event.project);
        writer.text("action", &event.action, Event::ACTION_BYTES_MAX)?;
        writer.text("resource", &event.resource, Event::RESOURCE_BYTES_MAX)?;
        writer.text("outcome", &event.outcome, Event::OUTCOME_BYTES_MAX)?;
        writer.count("details", event.details.len(), Event::DETAILS_MAX)?;
        if let Some(key) = first_unsorted(event.details.iter().map(|(key, _)| key.as_str())) {
            return Err(EncodeError::NotSorted { field: "details", key: key.to_owned() });
        }
        for (key, value) in &event.details {
            writer.text("details key", key, Event::KEY_BYTES_MAX)?;
            writer.text("details value", value, Event::VALUE_BYTES_MAX)?;
        }
        Ok(writer.finish())
    }

    /// Reads canonical bytes; anything that [`Entry::encode`] would not write is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&KIND, bytes)?;
        let sequence = reader.u64("sequence")?;
        let previous = reader.digest("previous")?;
        let event = Event {
            time: reader.time("time")?,
            decision: match reader.u8("decision")? {
                0 => Decision::Denied,
                1 => Decision::Allowed,
                _ => return Err(DecodeError::Value { field: "decision" }),
            },
            request: reader.display("request")?,
            actor: reader.display("actor")?,
            project: reader.display("project")?,
            action: reader.text("action", Event::ACTION_BYTES_MAX)?.to_owned().into(),
            resource: reader.text("resource", Event::RESOURCE_BYTES_MAX)?.to_owned(),
            outcome: reader.text("outcome", Event::OUTCOME_BYTES_MAX)?.to_owned(),
            details: read_details(&mut reader)?,
        };
        reader.finish()?;
        Ok(Self { sequence, previous, event })
    }
}

fn read_details(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, DecodeError> {
    let count = reader.count("details", Event::DETAILS_MAX)?;
    let mut details = Vec::with_capacity(count);
    for _ in 0..count {
        let key = reader.text("details key", Event::KEY_BYTES_MAX)?.to_owned();
        let value = reader.text("details value", Event::VALUE_BYTES_MAX)?.to_owned();
        details.push((key, value));
    }
    if first_unsorted(details.iter().map(|(key, _)| key.as_str())).is_some() {
        return Err(DecodeError::Value { field: "details" });
    }
    Ok(details)
}

const KIND: Kind = Kind { noun: "log entry", magic: *b"CMLE", version: 1, bytes_max: Entry::BYTES_MAX };

/// Every field at its cap stays below the cap of the whole, so `encode` need not check it. The fields before
/// `action` are 54 bytes and three texts of at most 64.
const _: () = assert!(
    54 + 3 * 66
        + (2 + Event::ACTION_BYTES_MAX)
        + (2 + Event::RESOURCE_BYTES_MAX)
        + (2 + Event::OUTCOME_BYTES_MAX)
        + 2
        + Event::DETAILS_MAX * (4 + Event::KEY_BYTES_MAX + Event::VALUE_BYTES_MAX)
        <= Entry::BYTES_MAX
);

#[cfg(test)]
mod tests;
