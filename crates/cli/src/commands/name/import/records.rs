//! Records of the earlier registry, and what can become of them here.

use std::collections::BTreeMap;
use std::fmt;

use casemate_model::{Name, Timestamp};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Most records of one import, and most bytes of one.
const RECORDS_MAX: usize = 1_000_000;
const RECORD_BYTES_MAX: usize = 1 << 20;

/// A record as the earlier registry wrote it, as far as it counts here. It had several shapes: what is spelled differently in them is
/// read by either name, and what is not known is kept as it is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Earlier {
    /// The name, with whatever letters were let through.
    #[serde(alias = "name")]
    pub(super) domain: String,
    /// Seconds since 1970.
    #[serde(default)]
    registered_at: Option<u64>,
    #[serde(default)]
    expires_at: Option<u64>,
    /// Which content stands at which path.
    #[serde(default, alias = "content")]
    pub(super) content_mappings: BTreeMap<String, String>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It can be claimed, as far as is known before it is.
    New,
    /// It was claimed.
    Imported,
    /// Another record of the same import comes before it.
    Conflict,
    /// The registry does not give it.
    Taken,
    /// Content of it is missing, so it was left alone.
    Incomplete,
    /// The node refused it for another reason.
    Failed,
    /// It had expired.
    Expired,
    /// It is no name, or no record.
    Refused,
}

/// A record, and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fate {
    /// As it was written.
    pub(super) record: String,
    /// The name that it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Content that is missing, or is not what its id says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
}

/// A record that can become a name.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Where its fate stands.
    pub(super) index: usize,
    pub(super) name: Name,
    pub(super) record: Earlier,
    pub(super) whole: Value,
}

/// Why a file has no records.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordsError {
    /// It is not JSON.
    #[error("this is no JSON: neither one value nor one a line")]
    NotJson(#[source] serde_json::Error),
    /// There are too many.
    #[error("it has more than {RECORDS_MAX} records")]
    TooMany,
    /// One is too long.
    #[error("record {0} has more than {RECORD_BYTES_MAX} bytes")]
    TooLong(usize),
}

/// Reads a list of records, an object whose values are records, one record, or one a line. They are counted and measured
/// before they are taken apart, as a value takes many times the room of its text.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Value>, RecordsError> {
    let mut values = Vec::new();
    for part in serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>() {
        for text in part.and_then(texts_of).map_err(RecordsError::NotJson)? {
            let text = text.get();
            if values.len() == RECORDS_MAX {
                return Err(RecordsError::TooMany);
            }
            if text.len() > RECORD_BYTES_MAX {
                return Err(RecordsError::TooLong(values.len() + 1));
            }
            values.push(serde_json::from_str(text).map_err(RecordsError::NotJson)?);
        }
    }
    Ok(values)
}

/// The texts of the records in one value.
fn texts_of(whole: &RawValue) -> Result<Vec<&RawValue>, serde_json::Error> {
    match whole.get().as_bytes() {
        [b'[', ..] => serde_json::from_str::<Texts<'_>>(whole.get()).map(|texts| texts.records),
        [b'{', ..] => {
            let texts: Texts<'_> = serde_json::from_str(whole.get())?;
            Ok(if texts.is_record { vec![whole] } else { texts.records })
        }
        _ => Ok(vec![whole]),
    }
}

/// The texts of what is in a list or an object, but for those that are too many.
struct Texts<'a> {
    records: Vec<&'a RawValue>,
    /// Whether it is an object that has a name itself.
    is_record: bool,
}

impl<'de> Deserialize<'de> for Texts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts { records: Vec::new(), is_record: false })
    }
}

impl<'de> Visitor<'de> for Texts<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(record) = list.next_element()? {
            self.push(record);
        }
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((key, record)) = map.next_entry::<String, _>()? {
            self.is_record |= matches!(key.as_str(), "domain" | "name");
            self.push(record);
        }
        Ok(self)
    }
}

impl<'a> Texts<'a> {
    fn push(&mut self, record: &'a RawValue) {
        if self.records.len() <= RECORDS_MAX {
            self.records.push(record);
        }
    }
}

/// Sorts records into those that can become names and those that cannot. Of several that would be one name, or look like
/// one, the one that was registered first comes before the others.
pub(super) fn plan(values: Vec<Value>, now: Timestamp) -> (Vec<Fate>, Vec<Candidate>) {
    let (mut fates, mut candidates) = (Vec::new(), Vec::new());
    for (index, whole) in values.into_iter().enumerate() {
        match candidate(index, whole, now) {
            Ok(candidate) => {
                fates.push(fate(&candidate.record.domain, Some(&candidate.name), Outcome::New, None));
                candidates.push(candidate);
            }
            Err(fate) => fates.push(fate),
        }
    }
    // One that does not say when was first by nobody's word.
    candidates.sort_by_key(|candidate| (candidate.record.registered_at.unwrap_or(u64::MAX), candidate.index));
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    candidates.retain(|candidate| {
        let domain = candidate.record.domain.clone();
        match first.get(&candidate.name.skeleton()) {
            Some(other) => {
                let reason = format!("`{other}` is, or looks like, the same name and was registered first");
                fates[candidate.index] =
                    fate(&domain, Some(&candidate.name), Outcome::Conflict, Some(reason));
                false
            }
            None => {
                first.insert(candidate.name.skeleton(), domain);
                true
            }
        }
    });
    // A name before those below it.
    candidates.sort_by_key(|candidate| (candidate.name.as_str().split('.').count(), candidate.index));
    (fates, candidates)
}

fn candidate(index: usize, whole: Value, now: Timestamp) -> Result<Candidate, Fate> {
    let text = whole.get("domain").or_else(|| whole.get("name")).and_then(Value::as_str).unwrap_or_default();
    let text = match text {
        "" => format!("record {}", index + 1),
        text => text.chars().take(300).collect(),
    };
    let refused = |reason: String| fate(&text, None, Outcome::Refused, Some(reason));
    let record =
        Earlier::deserialize(&whole).map_err(|error| refused(format!("this is no record: {error}")))?;
    // It told names apart by the case of letters, as no resolver does.
    let name: Name = record.domain.to_lowercase().parse().map_err(|error| refused(format!("{error}")))?;
    let over = record.expires_at.and_then(|seconds| seconds.checked_mul(1_000));
    if over.is_some_and(|over| over <= now.as_millis()) {
        return Err(fate(&text, Some(&name), Outcome::Expired, None));
    }
    Ok(Candidate { index, name, record, whole })
}

fn fate(record: &str, name: Option<&Name>, outcome: Outcome, reason: Option<String>) -> Fate {
    Fate {
        record: record.to_owned(),
        name: name.map(ToString::to_string),
        outcome,
        reason,
        missing: Vec::new(),
    }
}

impl Outcome {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Imported => "imported",
            Self::Conflict => "conflict",
            Self::Taken => "taken",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }
}

/// Whether content is what an id of the earlier system says: `bafk` and half of its BLAKE3 in hex.
pub(super) fn is_content(cid: &str, bytes: &[u8]) -> bool {
    let digits = blake3::hash(bytes).to_hex();
    cid.strip_prefix("bafk").is_some_and(|half| half.len() == 32 && half == &digits[..32])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcomes(values: Value) -> Vec<(String, Outcome)> {
        let now = Timestamp::from_millis(1_769_860_800_000).expect("a time");
        let values = read(values.to_string().as_bytes()).expect("records");
        plan(values, now).0.into_iter().map(|fate| (fate.record, fate.outcome)).collect()
    }

    #[test]
    fn who_was_first_has_the_name() {
        let fates = outcomes(json!([
            {"domain": "Shop.sov", "registered_at": 20, "expires_at": 4_000_000_000u64},
            {"domain": "shop.sov", "registered_at": 10},
            {"domain": "shap.sov", "registered_at": 5},
            {"domain": "other.sov", "registered_at": 30, "expires_at": 1_000},
            {"domain": "-a.sov"}, {"domain": 7}, {}, "text",
        ]));
        let of = |index: usize| fates[index].1;
        assert_eq!(
            (of(0), of(1), of(2), of(3)),
            (Outcome::Conflict, Outcome::New, Outcome::New, Outcome::Expired),
            "{fates:?}"
        );
        assert!((4..8).all(|index| of(index) == Outcome::Refused), "{fates:?}");
        // Digits that look like letters are the same to who reads them.
        let fates = outcomes(
            json!([{"domain": "paypal.sov", "registered_at": 1}, {"domain": "paypa1.sov", "registered_at": 2}]),
        );
        assert_eq!((fates[0].1, fates[1].1), (Outcome::New, Outcome::Conflict));
    }

    #[test]
    fn records_come_in_several_shapes() {
        let one = json!({"domain": "a1b.sov"});
        let shapes = [
            one.to_string(),
            json!([one]).to_string(),
            json!({"a1b.sov": one}).to_string(),
            format!("{one}\n{one}"),
        ];
        let counts = shapes.map(|shape| read(shape.as_bytes()).expect("records").len());
        assert_eq!(counts, [1, 1, 1, 2]);
        read(b"{\"domain\": ").expect_err("it is cut");
        read("[".repeat(10_000).as_bytes()).expect_err("it is too deep");
        let escaped = read(br#"{"n\u0061me": "a.b", "x": 1}"#).expect("one record");
        assert_eq!(escaped.len(), 1);
    }

    #[test]
    fn many_and_long_records_are_refused_before_they_are_taken_apart() {
        let many = format!("[{}1]", "1,".repeat(RECORDS_MAX));
        assert!(matches!(read(many.as_bytes()), Err(RecordsError::TooMany)));
        assert!(matches!(read("1 ".repeat(RECORDS_MAX + 1).as_bytes()), Err(RecordsError::TooMany)));
        let long = format!(r#"[1, {{"domain": "a.b", "x": "{}"}}]"#, "x".repeat(RECORD_BYTES_MAX));
        assert!(matches!(read(long.as_bytes()), Err(RecordsError::TooLong(2))));
    }

    #[test]
    fn content_is_what_its_id_says() {
        let cid = format!("bafk{}", &blake3::hash(b"app").to_hex()[..32]);
        assert!(is_content(&cid, b"app"));
        assert!(!is_content(&cid, b"apq") && !is_content("bafk", b"app") && !is_content(&cid[4..], b"app"));
    }
}
