use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use casemate_api as wire;
use casemate_control::{Change, Control, Feed, FeedItem, Following};
use casemate_identity::IdentityError;
use casemate_model::{Principal, PrincipalKind, Project};
use casemate_policy::{Operation, Resource, authorize, operation};
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderName};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::problem::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How often an idle stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Follow what happens
///
/// Server-sent events `task`, `object`, `name`, `webhook` and `log`, each with an id. After `Last-Event-ID` the missed ones
/// come first; if they are not known any more, or the id is of another node or an earlier run, an event `reset` says that
/// what is shown must be read anew. A caller has at most 16 streams open.
#[utoipa::path(get, path = "/events", operation_id = "node_events", tag = "node",
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = wire::Problem)))]
pub(crate) async fn events(
    State(state): State<AppState>,
    From(caller): From,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let project = state.control.follow_events(&caller).await?;
    let follower = state.followers.enter(caller.principal.kind).ok_or_else(Problem::too_many_followers)?;
    let place = headers.get(LAST_EVENT_ID).map(|place| place.to_str().unwrap_or_default());
    let following = state.control.feed().follow(place);
    let (stopping, feed) = (state.stopping.clone(), state.control.feed().clone());
    let reader = Reader { feed, project, principal: caller.principal.clone() };
    let events = stream(following, reader).take_until(stopping.cancelled_owned());
    let events = events.take_until(changed(state.control.clone(), caller.principal));
    let events = events.map(move |event| {
        // The place is given back when the stream is dropped.
        let _open = &follower;
        Ok(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Who follows, and what.
struct Reader {
    feed: Feed,
    project: Project,
    principal: Principal,
}

/// How often a stream asks whether its reader may still read.
const RECHECK: Duration = Duration::from_secs(1);

/// Comes when the reader's credential is no longer good, or does not carry what it did. Whoever may still read comes back.
pub(super) async fn changed(control: Control, principal: Principal) {
    loop {
        tokio::time::sleep(RECHECK).await;
        let (authenticator, now) = (control.authenticator(), control.now());
        let found = match (principal.kind, principal.session) {
            (_, Some(session)) => authenticator.by_session_id(session, now).await,
            (PrincipalKind::Key(key), None) => authenticator.by_key_id(key, now).await,
            _ => continue,
        };
        match found {
            Ok(found) if found.scopes == principal.scopes => {}
            // The store is away; what is read meanwhile was allowed a second ago.
            Err(IdentityError::Store(_)) => {}
            Ok(_) | Err(IdentityError::Rejected(_)) => return,
        }
    }
}

impl Reader {
    /// Whether the reader could also ask for what an event is about.
    fn may_see(&self, item: &FeedItem) -> bool {
        fn may<O: Operation>(reader: &Reader, resource: &Resource) -> bool {
            authorize::<O>(&reader.principal, &reader.project, resource).is_ok()
        }
        if item.project.as_ref().is_some_and(|owner| *owner != self.project) {
            return false;
        }
        match &item.change {
            Change::Task { id, .. } => may::<operation::ShowTask>(self, &Resource::one("task", id)),
            Change::Object { bucket, key, .. } => {
                may::<operation::StatObject>(self, &Resource::one("object", format_args!("{bucket}/{key}")))
            }
            Change::Name { name, .. } => may::<operation::ShowName>(self, &Resource::one("name", name)),
            Change::Webhook { id } => may::<operation::ShowWebhook>(self, &Resource::one("webhook", id)),
            Change::Log { .. } => may::<operation::ReadCheckpoint>(self, &Resource::all("audit")),
        }
    }
}

fn stream(following: Following, reader: Reader) -> impl Stream<Item = Event> {
    let Following { missed, place, reset, live } = following;
    // Whoever is told to read anew goes on from here, also if nothing else happens.
    let reset = stream::iter(reset.then(|| reset_event().id(place)));
    let reader = Arc::new(reader);
    let before = Arc::clone(&reader);
    let missed = stream::iter(missed).filter_map(move |item| std::future::ready(event(&item, &before)));
    reset.chain(missed).chain(live_events(live, reader))
}

fn live_events(live: broadcast::Receiver<Arc<FeedItem>>, reader: Arc<Reader>) -> impl Stream<Item = Event> {
    BroadcastStream::new(live).filter_map(move |item| {
        std::future::ready(match item {
            Ok(item) => event(&item, &reader),
            Err(BroadcastStreamRecvError::Lagged(_)) => Some(reset_event()),
        })
    })
}

fn reset_event() -> Event {
    Event::default().event("reset").data("")
}

/// The event for one item, if the reader may see it.
fn event(item: &FeedItem, reader: &Reader) -> Option<Event> {
    if !reader.may_see(item) {
        return None;
    }
    let (kind, data) = match &item.change {
        Change::Task { id, state, updated } => {
            let state = convert::task_state(*state);
            (
                "task",
                json(&wire::events::TaskEvent { id: id.to_string(), state, updated: updated.to_string() }),
            )
        }
        Change::Object { bucket, key, stored } => {
            let change = if *stored {
                wire::events::ObjectChange::Stored
            } else {
                wire::events::ObjectChange::Deleted
            };
            ("object", json(&wire::events::ObjectEvent { bucket: bucket.clone(), key: key.clone(), change }))
        }
        Change::Name { name, change } => {
            let change = change.map(convert::name_change);
            ("name", json(&wire::events::NameEvent { name: name.clone(), change }))
        }
        Change::Webhook { id } => ("webhook", json(&wire::events::WebhookEvent { id: id.to_string() })),
        Change::Log { size } => ("log", json(&wire::events::LogEvent { size: *size })),
    };
    Some(Event::default().id(reader.feed.place(item.id)).event(kind).data(data))
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}
