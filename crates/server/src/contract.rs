//! What the document says of each route, held against every request: parameters that a route does not have are refused
//! here, so that no handler has to think of it and no misspelt parameter is passed over in silence.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{MatchedPath, Request};
use http::Method;
use percent_encoding::percent_decode_str;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi as Document, RefOr};

use crate::idempotency::IDEMPOTENCY_KEY;
use crate::problem::Problem;

/// Where the API's routes are.
const PREFIX: &str = "/api/v1";

/// What the document says, by route.
#[derive(Debug, Default)]
pub(crate) struct Contract(BTreeMap<String, BTreeMap<&'static str, Route>>);

/// What it says of one route.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    query: BTreeSet<String>,
    kind: Kind,
}

/// How a route's requests are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As often as they come.
    Plain,
    /// Once for each idempotency key, where they have one.
    Once,
}

impl Contract {
    pub(crate) fn of(document: &Document) -> Self {
        let routes = document.paths.paths.iter().map(|(path, item)| {
            let methods = operations(item).map(|(method, operation)| (method, Route::of(operation)));
            (format!("{PREFIX}{path}"), methods.collect())
        });
        Self(routes.collect())
    }

    /// Refuses what the route that `request` goes to does not take. Other places than the API's are not looked at.
    pub(crate) fn check(&self, request: &Request) -> Result<Kind, Problem> {
        let Some(route) = self.route(request) else { return Ok(Kind::Plain) };
        for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
            let name = percent_decode_str(&name).decode_utf8_lossy();
            if !route.query.contains(&*name) {
                return Err(Problem::parameter_text(&name, route.unknown(&name)));
            }
        }
        Ok(route.kind)
    }

    fn route(&self, request: &Request) -> Option<&Route> {
        let template = request.extensions().get::<MatchedPath>()?.as_str();
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.0.get(&documented(template))?.get(method.as_str())
    }
}

impl Route {
    fn of(operation: &Operation) -> Self {
        let mut route = Self { query: BTreeSet::new(), kind: Kind::Plain };
        for parameter in operation.parameters.iter().flatten() {
            let RefOr::T(parameter) = parameter else { continue };
            if parameter.parameter_in == ParameterIn::Query {
                route.query.insert(parameter.name.clone());
            }
            if parameter.name == IDEMPOTENCY_KEY.as_str() {
                route.kind = Kind::Once;
            }
        }
        route
    }

    fn unknown(&self, name: &str) -> String {
        let known = self.query.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        format!("there is no parameter `{name}` here; those of the query are: {known}")
    }
}

/// The path as the document spells it, which knows no parts that go on over slashes.
pub(crate) fn documented(template: &str) -> String {
    template.replace("{*", "{")
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_knows_every_parameter_of_a_query() {
        let contract = Contract::of(&crate::routes::api().1);
        let query = |method: &str, path: &str| {
            contract.0[path][method].query.iter().map(String::as_str).collect::<Vec<_>>()
        };
        assert_eq!(query("GET", "/api/v1/tasks"), ["after", "limit", "state"]);
        assert_eq!(query("DELETE", "/api/v1/objects/{bucket}/{key}"), ["version"]);
        assert_eq!(query("GET", "/api/v1/session"), [""; 0]);
    }

    /// Requests with POST that make nothing which a second one would make again.
    const NOT_ONCE: [(&str, &str); 32] = [
        ("/api/v1/names/{name}/draft", "a draft changes nothing"),
        ("/api/v1/proofs/verify", "a proof that is handed in again is what it was"),
        ("/api/v1/verification-keys", "a key that is registered is registered"),
        ("/api/v1/connect-sessions/{id}/heartbeat", "who is there is there"),
        ("/api/v1/connect-sessions/{id}/stop", "a session that is over is over"),
        ("/api/v1/schedules/{id}/pause", "a schedule that is paused is paused"),
        ("/api/v1/schedules/{id}/resume", "a schedule that goes on goes on"),
        ("/api/v1/auth/login", "who signs in is nobody yet"),
        ("/api/v1/auth/refresh", "a token that is used again gives the same successor"),
        ("/api/v1/auth/register", "a name is taken once, and an invitation too"),
        ("/api/v1/users/{name}/block", "a user who is blocked is blocked"),
        ("/api/v1/users/{name}/unblock", "a user who is let in is let in"),
        ("/api/v1/session", "who signs in is nobody yet, and a link opens once anyway"),
        ("/api/v1/tasks/{id}/cancel", "a task that is cancelled is cancelled"),
        ("/api/v1/factors/app", "a secret that is not confirmed takes the place of the one before"),
        ("/api/v1/factors/app/confirm", "a code is good once"),
        ("/api/v1/factors/app/remove", "a code is good once"),
        ("/api/v1/auth/passkey-options", "a challenge that nobody answers is over in minutes"),
        ("/api/v1/passkeys/options", "a challenge that nobody answers is over in minutes"),
        ("/api/v1/passkeys", "a challenge is answered once"),
        ("/api/v1/passkeys/{id}/remove", "a passkey that is gone is gone"),
        ("/api/v1/users/{name}/reset-factors", "factors that are gone are gone"),
        ("/api/v1/webhooks/{id}/pause", "a webhook that is paused is paused"),
        ("/api/v1/webhooks/{id}/resume", "a webhook that goes on goes on"),
        ("/api/v1/certificates", "another certificate harms nobody, and is of the same key"),
        ("/api/v1/nodes", "a join token is good once"),
        ("/api/v1/nodes/{id}/drain", "a node that is drained is drained"),
        ("/api/v1/nodes/{id}/resume", "a node that goes on goes on"),
        ("/api/v1/nodes/self/claims", "a lease whose answer was lost ends by itself"),
        ("/api/v1/nodes/self/heartbeats", "who is there is there"),
        ("/api/v1/nodes/self/certificates", "another certificate harms nobody, and is of the same node"),
        ("/api/v1/object-verify/{bucket}/{key}", "it looks, and makes nothing"),
    ];

    #[test]
    fn every_creating_route_is_carried_out_once_or_excused() {
        let contract = Contract::of(&crate::routes::api().1);
        let posts = contract.0.iter().filter(|(_, methods)| methods.contains_key("POST"));
        let (once, not): (Vec<_>, Vec<_>) =
            posts.partition(|(_, methods)| methods["POST"].kind == Kind::Once);
        let not: BTreeSet<&str> = not.iter().map(|(path, _)| path.as_str()).collect();
        let excused: BTreeSet<&str> = NOT_ONCE.iter().map(|(path, _)| *path).collect();
        assert_eq!(not, excused, "mark the route with `IdempotencyParams`, or excuse it here with a reason");
        assert!(once.len() >= 9, "{once:?}");
        let others =
            contract.0.values().flat_map(|methods| methods.iter().filter(|(method, _)| **method != "POST"));
        assert!(
            others.into_iter().all(|(_, route)| route.kind == Kind::Plain),
            "PUT and DELETE are idempotent anyway"
        );
    }
}
