use casemate_ledger::{Decision, Event};
use casemate_model::{Project, Timestamp, WebhookId};
use serde_json::{Map, Value, json};

use crate::EventKind;

/// What a receiver is told: the exact bytes that are signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What happened.
    pub kind: EventKind,
    /// In which project.
    pub project: Project,
    /// When.
    pub time: Timestamp,
    /// JSON of `type`, `timestamp` and `data`.
    pub body: Vec<u8>,
}

impl Message {
    /// What an entry of the log is to those outside: nothing, unless it is of a change that webhooks tell of. It is one message for
    /// each project that has to do with it: that in which it happened, and those that the entry says are concerned. Of its
    /// details only those go out that the event is about; who did it, and from where, does not.
    pub fn all_of(event: &Event) -> Vec<Self> {
        if event.decision != Decision::Allowed {
            return Vec::new();
        }
        let Some((kind, data)) = Self::content(event) else { return Vec::new() };
        let mut projects = vec![event.project.clone()];
        projects.extend(event.concerned());
        let of = |project| Self::new(kind, project, event.time, data.clone());
        projects.into_iter().map(of).collect()
    }

    fn content(event: &Event) -> Option<(EventKind, Map<String, Value>)> {
        let (kind, wanted) = kind_of(&event.action, &event.outcome)?;
        let mut data = subject(kind, &event.resource)?;
        for name in wanted {
            if let Some(value) = event.detail(name) {
                data.insert((*name).to_owned(), Value::String(value.to_owned()));
            }
        }
        if tells_outcome(kind) {
            data.insert("outcome".to_owned(), Value::String(event.outcome.clone()));
        }
        Some((kind, data))
    }

    /// What is sent when somebody asks for a test.
    pub fn test(webhook: WebhookId, project: Project, time: Timestamp) -> Self {
        let data = Map::from_iter([("webhook".to_owned(), Value::String(webhook.to_string()))]);
        Self::new(EventKind::Test, project, time, data)
    }

    fn new(kind: EventKind, project: Project, time: Timestamp, mut data: Map<String, Value>) -> Self {
        data.insert("project".to_owned(), Value::String(project.to_string()));
        let message = json!({ "type": kind.as_str(), "timestamp": time.to_string(), "data": data });
        let body = serde_json::to_vec(&message).expect("texts are JSON");
        Self { kind, project, time, body }
    }
}

/// Which event an entry of this action and outcome is, and the details that go with it.
fn kind_of(action: &str, outcome: &str) -> Option<(EventKind, &'static [&'static str])> {
    Some(match (action, outcome) {
        ("objects.put", "stored" | "copied") => (EventKind::ObjectStored, &["digest", "size_bytes"]),
        ("objects.delete" | "objects.expire", "deleted" | "deleted for good") => {
            (EventKind::ObjectDeleted, &["version"])
        }
        ("objects.expire", "expired" | "older version removed") => {
            (EventKind::ObjectDeleted, &["rule", "version"])
        }
        ("names.claim", _) => (EventKind::NameClaimed, &["digest"]),
        ("names.update", _) => (EventKind::NameUpdated, &["digest"]),
        ("names.release", _) => (EventKind::NameReleased, &[]),
        ("names.renew", _) => (EventKind::NameRenewed, &[]),
        ("names.offer" | "names.withdraw" | "names.decline", _) => (EventKind::NameOffered, &["to"]),
        ("names.accept", _) => (EventKind::NameTransferred, &["digest"]),
        ("names.rotate" | "names.recover", _) => (EventKind::NameKeys, &["owner", "successor"]),
        ("names.suspend" | "names.resume", _) => (EventKind::NameSuspended, &["reason"]),
        ("names.revoke", _) => (EventKind::NameRevoked, &["reason"]),
        ("names.remind", _) => (EventKind::NameEnding, &["expires"]),
        ("names.lapse" | "names.remove", _) => (EventKind::NameEnded, &[]),
        ("tasks.submit", _) => (EventKind::TaskSubmitted, &["module"]),
        ("tasks.cancel", _) => (EventKind::TaskCancelled, &[]),
        ("tasks.end", _) => (EventKind::TaskEnded, &["attempt", "attempts", "receipt", "run"]),
        ("keys.create", _) => (EventKind::KeyCreated, &["role", "scopes"]),
        ("keys.rotate", _) => (EventKind::KeyRotated, &[]),
        ("keys.revoke", _) => (EventKind::KeyRevoked, &[]),
        ("webhooks.pause", _) => (EventKind::WebhookPaused, &["reason"]),
        _ => return None,
    })
}

/// Whether what came of it is part of what is told.
const fn tells_outcome(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::TaskEnded
            | EventKind::WebhookPaused
            | EventKind::NameOffered
            | EventKind::NameKeys
            | EventKind::NameSuspended
            | EventKind::NameEnding
            | EventKind::NameEnded
    )
}

/// What the event is about, from a resource such as `object:builds/app.wasm`.
fn subject(kind: EventKind, resource: &str) -> Option<Map<String, Value>> {
    let (noun, id) = resource.split_once(':')?;
    let id = unescaped(id);
    let text = |text: &str| Value::String(text.to_owned());
    let mut data = Map::new();
    if matches!(kind, EventKind::ObjectStored | EventKind::ObjectDeleted) {
        let (bucket, key) = id.split_once('/')?;
        data.insert("bucket".to_owned(), text(bucket));
        data.insert("key".to_owned(), text(key));
    } else {
        data.insert(noun.to_owned(), text(&id));
    }
    Some(data)
}

/// The text that the log wrote as `escaped`; see `docs/formats/entry.md`. JSON has its own way with odd characters.
fn unescaped(escaped: &str) -> String {
    let mut text = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        rest = match after.strip_prefix("u{").and_then(|hex| hex.split_once('}')) {
            Some((hex, after)) => {
                text.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
                after
            }
            None => {
                text.push('\\');
                after.strip_prefix('\\').unwrap_or(after)
            }
        };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use casemate_ledger::Entry;
    use casemate_model::test_support::CountingEntropy;
    use casemate_model::{PrincipalKind, RequestId};

    use super::*;

    /// As the log gives it back.
    fn event(action: &'static str, resource: &str, outcome: &str, details: &[(&str, &str)]) -> Event {
        let event = Event {
            time: Timestamp::from_millis(1_700_000_000_123).unwrap(),
            request: RequestId::generate(Timestamp::EPOCH, &CountingEntropy::default()),
            actor: PrincipalKind::LocalUser(7),
            project: Project::default_project(),
            action: action.into(),
            resource: resource.to_owned(),
            decision: Decision::Allowed,
            outcome: outcome.to_owned(),
            details: details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        let bytes = Entry::new(0, Entry::NO_PREVIOUS, event).encode().unwrap();
        Entry::decode(&bytes).unwrap().event
    }

    fn body(event: &Event) -> Option<String> {
        Message::all_of(event).pop().map(|message| String::from_utf8(message.body).unwrap())
    }

    #[test]
    fn all_whom_it_concerns_are_told_once() {
        let others = ["buyer".parse().unwrap(), Project::default_project()];
        let mut offered = event("names.offer", "name:app", "offered", &[("to", "buyer")]).concerning(&others);
        let told = Message::all_of(&offered);
        let projects: Vec<_> = told.iter().map(|message| message.project.as_str()).collect();
        assert_eq!(projects, ["default", "buyer"]);
        assert_eq!(
            String::from_utf8_lossy(&told[1].body),
            "{\"data\":{\"name\":\"app\",\"outcome\":\"offered\",\"project\":\"buyer\",\"to\":\"buyer\"},\
             \"timestamp\":\"2023-11-14T22:13:20.123Z\",\"type\":\"name.offered\"}"
        );
        offered.decision = Decision::Denied;
        assert_eq!(Message::all_of(&offered), []);
    }

    #[test]
    fn a_message_says_what_happened_and_not_who_did_it() {
        let details = [("digest", "sha256:ab"), ("size_bytes", "7"), ("client_address", "192.0.2.1")];
        assert_eq!(
            body(&event("objects.put", "object:builds/a/grö\\ße\n.txt", "stored", &details)).unwrap(),
            "{\"data\":{\"bucket\":\"builds\",\"digest\":\"sha256:ab\",\"key\":\"a/grö\\\\ße\\n.txt\",\
             \"project\":\"default\",\"size_bytes\":\"7\"},\"timestamp\":\"2023-11-14T22:13:20.123Z\",\
             \"type\":\"object.stored\"}"
        );
        let ended = event("tasks.end", "task:tsk_1", "exit 0", &[("attempt", "1"), ("fuel", "9")]);
        assert_eq!(
            body(&ended).unwrap(),
            "{\"data\":{\"attempt\":\"1\",\"outcome\":\"exit 0\",\"project\":\"default\",\"task\":\"tsk_1\"},\
             \"timestamp\":\"2023-11-14T22:13:20.123Z\",\"type\":\"task.ended\"}"
        );
    }

    #[test]
    fn what_is_refused_begun_or_read_is_no_event() {
        assert_eq!(body(&event("objects.put", "object:a/b", "upload begun", &[])), None);
        assert_eq!(body(&event("objects.expire", "object:a/b", "upload given up", &[])), None);
        assert_eq!(body(&event("shares.open", "object:a/b", "sent", &[])), None);
        let mut denied = event("objects.put", "object:a/b", "stored", &[]);
        denied.decision = Decision::Denied;
        assert_eq!(body(&denied), None);
    }
}
