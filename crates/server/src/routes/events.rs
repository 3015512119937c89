use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use casemate_api as wire;
use casemate_control::{Change, FeedItem, Following};
use casemate_model::Project;
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
/// Server-sent events `task`, `object`, `name`, `webhook` and `log`, whose ids grow. After `Last-Event-ID` the missed ones come
/// first; if they are not known any more, an event `reset` says that what is shown must be read anew.
#[utoipa::path(get, path = "/events", operation_id = "node_events", tag = "node",
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = wire::Problem)))]
pub(crate) async fn events(
    State(state): State<AppState>,
    From(caller): From,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let project = state.control.follow_events(&caller).await?;
    let last_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let following = state.control.feed().follow(last_id);
    let stopping = state.stopping.clone();
    let events = stream(following, project).take_until(stopping.cancelled_owned()).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn stream(following: Following, project: Project) -> impl Stream<Item = Event> {
    let Following { missed, reset, live } = following;
    let reset = stream::iter(reset.then(reset_event));
    let seen = Arc::new(project);
    let before = Arc::clone(&seen);
    let missed = stream::iter(missed).filter_map(move |item| std::future::ready(event(&item, &before)));
    reset.chain(missed).chain(live_events(live, seen))
}

fn live_events(live: broadcast::Receiver<Arc<FeedItem>>, project: Arc<Project>) -> impl Stream<Item = Event> {
    BroadcastStream::new(live).filter_map(move |item| {
        std::future::ready(match item {
            Ok(item) => event(&item, &project),
            Err(BroadcastStreamRecvError::Lagged(_)) => Some(reset_event()),
        })
    })
}

fn reset_event() -> Event {
    Event::default().event("reset").data("")
}

/// The event for one item, unless it is of another project.
fn event(item: &FeedItem, project: &Project) -> Option<Event> {
    if item.project.as_ref().is_some_and(|owner| owner != project) {
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
        Change::Name { name, kind } => {
            let change = convert::name_change(*kind);
            ("name", json(&wire::events::NameEvent { name: name.clone(), change }))
        }
        Change::Webhook { id } => ("webhook", json(&wire::events::WebhookEvent { id: id.to_string() })),
        Change::Log { size } => ("log", json(&wire::events::LogEvent { size: *size })),
    };
    Some(Event::default().id(item.id.to_string()).event(kind).data(data))
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}
