//! What each route costs, and in which tier: one row a route, by its template and method.
//!
//! A route without a row fails a test, so that a new one is never counted by accident.

use std::collections::HashMap;
use std::sync::LazyLock;

use casemate_throttle::Tier;
use http::Method;

/// How a request is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    pub(crate) tier: Tier,
    pub(crate) cost: u32,
    /// Whether credentials of the request are looked at; else it is counted by network.
    pub(crate) by_credential: bool,
}

/// What is at no address, the console's files, and the API's description.
pub(crate) const OTHER: Price = Price { tier: Tier::General, cost: 1, by_credential: false };

/// A request to a function. What it presents may be meant for the function, so it is counted by network.
pub(crate) const FUNCTION: Price = Price { tier: Tier::Functions, cost: 1, by_credential: false };

/// The price of an unsigned request to S3, of which little comes.
pub(crate) const UNSIGNED: Price = Price { tier: Tier::S3, cost: 1, by_credential: false };

/// Reads cost one token. Changes cost two, as they wait for a disk; tasks cost more, as they hold a worker, and so does
/// what takes a password, which is hashed.
const ROUTES: &[(&str, &str, Tier, u32)] = &[
    ("GET", "/audit/checkpoint", Tier::General, 1),
    ("GET", "/audit/consistency", Tier::General, 1),
    ("GET", "/audit/entries", Tier::General, 1),
    ("GET", "/audit/entries/{sequence}/proof", Tier::General, 1),
    ("GET", "/auth/keys", Tier::General, 1),
    ("POST", "/auth/login", Tier::Auth, 5),
    ("POST", "/auth/passkey-options", Tier::Auth, 1),
    ("POST", "/auth/refresh", Tier::Auth, 1),
    ("POST", "/auth/register", Tier::Auth, 5),
    ("GET", "/bucket-samples", Tier::Objects, 1),
    ("GET", "/buckets", Tier::Objects, 1),
    ("POST", "/buckets", Tier::Objects, 2),
    ("GET", "/buckets/{bucket}", Tier::Objects, 1),
    ("DELETE", "/buckets/{bucket}", Tier::Objects, 2),
    ("PATCH", "/buckets/{bucket}", Tier::Objects, 2),
    ("GET", "/buckets/{bucket}/folder", Tier::Objects, 1),
    ("GET", "/buckets/{bucket}/graph", Tier::Objects, 2),
    ("GET", "/buckets/{bucket}/objects", Tier::Objects, 1),
    ("GET", "/buckets/{bucket}/samples", Tier::Objects, 1),
    ("GET", "/buckets/{bucket}/versions", Tier::Objects, 1),
    ("POST", "/certificates", Tier::General, 2),
    ("GET", "/certificates/roots", Tier::General, 1),
    ("GET", "/cluster/stats", Tier::General, 1),
    ("GET", "/connect-sessions", Tier::General, 1),
    ("POST", "/connect-sessions/start", Tier::General, 2),
    ("GET", "/connect-sessions/{id}", Tier::General, 1),
    ("POST", "/connect-sessions/{id}/heartbeat", Tier::General, 1),
    ("POST", "/connect-sessions/{id}/stop", Tier::General, 2),
    ("GET", "/events", Tier::General, 1),
    ("GET", "/factors", Tier::General, 1),
    ("POST", "/factors/app", Tier::Auth, 5),
    ("POST", "/factors/app/confirm", Tier::General, 2),
    ("POST", "/factors/app/remove", Tier::Auth, 5),
    ("GET", "/functions", Tier::General, 1),
    ("GET", "/functions/{name}", Tier::General, 1),
    ("DELETE", "/functions/{name}", Tier::General, 2),
    ("GET", "/functions/{name}/log", Tier::General, 1),
    ("POST", "/functions/{name}/rollback", Tier::General, 2),
    ("PUT", "/functions/{name}/route", Tier::General, 2),
    ("GET", "/functions/{name}/values", Tier::General, 1),
    ("GET", "/functions/{name}/values/{key}", Tier::General, 1),
    ("DELETE", "/functions/{name}/values/{key}", Tier::General, 2),
    ("PUT", "/functions/{name}/values/{key}", Tier::General, 2),
    ("GET", "/functions/{name}/versions", Tier::General, 1),
    ("POST", "/functions/{name}/versions", Tier::General, 2),
    ("GET", "/health", Tier::General, 1),
    ("GET", "/health/live", Tier::General, 1),
    ("GET", "/health/ready", Tier::General, 1),
    ("GET", "/invitations", Tier::General, 1),
    ("POST", "/invitations", Tier::General, 2),
    ("DELETE", "/invitations/{id}", Tier::General, 2),
    ("GET", "/join-tokens", Tier::General, 1),
    ("POST", "/join-tokens", Tier::General, 2),
    ("DELETE", "/join-tokens/{id}", Tier::General, 2),
    ("GET", "/keys", Tier::General, 1),
    ("POST", "/keys", Tier::General, 2),
    ("DELETE", "/keys/{id}", Tier::General, 2),
    ("POST", "/keys/{id}/rotate", Tier::General, 2),
    ("GET", "/limits", Tier::General, 1),
    ("PUT", "/limits/{tier}/{subject}", Tier::General, 2),
    ("DELETE", "/limits/{tier}/{subject}", Tier::General, 2),
    ("GET", "/log/{*tile}", Tier::General, 1),
    ("POST", "/login-links", Tier::General, 2),
    ("GET", "/members", Tier::General, 1),
    ("PUT", "/members/{name}", Tier::General, 2),
    ("DELETE", "/members/{name}", Tier::General, 2),
    ("POST", "/name-commitments", Tier::Names, 2),
    ("POST", "/name-records", Tier::Names, 2),
    ("GET", "/names", Tier::Names, 1),
    ("POST", "/names", Tier::Names, 2),
    ("GET", "/names/{name}", Tier::Names, 1),
    ("PUT", "/names/{name}", Tier::Names, 2),
    ("DELETE", "/names/{name}", Tier::Names, 2),
    ("POST", "/names/{name}/accept", Tier::Names, 2),
    ("GET", "/names/{name}/check", Tier::Names, 2),
    ("POST", "/names/{name}/decline", Tier::Names, 2),
    ("POST", "/names/{name}/draft", Tier::Names, 1),
    ("GET", "/names/{name}/history", Tier::Names, 1),
    ("POST", "/names/{name}/offer", Tier::Names, 2),
    ("DELETE", "/names/{name}/offer", Tier::Names, 2),
    ("GET", "/names/{name}/proof", Tier::Names, 2),
    ("POST", "/names/{name}/recover", Tier::Names, 2),
    ("POST", "/names/{name}/renew", Tier::Names, 2),
    ("POST", "/names/{name}/resume", Tier::Names, 2),
    ("POST", "/names/{name}/revoke", Tier::Names, 2),
    ("POST", "/names/{name}/suspend", Tier::Names, 2),
    ("GET", "/peers", Tier::Names, 1),
    ("GET", "/peers/names/{name}", Tier::Names, 2),
    ("GET", "/nodes", Tier::General, 1),
    ("POST", "/nodes", Tier::Auth, 5),
    ("POST", "/nodes/self/certificates", Tier::Work, 2),
    ("POST", "/nodes/self/claims", Tier::Work, 1),
    ("POST", "/nodes/self/heartbeats", Tier::Work, 1),
    ("GET", "/nodes/self/tasks/{task}/content/{digest}", Tier::Work, 1),
    ("PUT", "/nodes/self/tasks/{task}/content/{digest}", Tier::Work, 1),
    ("DELETE", "/nodes/self/tasks/{task}/lease", Tier::Work, 1),
    ("PUT", "/nodes/self/tasks/{task}/log", Tier::Work, 1),
    ("PUT", "/nodes/self/tasks/{task}/receipt", Tier::Work, 1),
    ("GET", "/nodes/{id}", Tier::General, 1),
    ("DELETE", "/nodes/{id}", Tier::General, 2),
    ("POST", "/nodes/{id}/drain", Tier::General, 2),
    ("POST", "/nodes/{id}/resume", Tier::General, 2),
    ("GET", "/object-info/{bucket}/{*key}", Tier::Objects, 1),
    ("POST", "/object-restore/{bucket}/{*key}", Tier::Objects, 2),
    ("POST", "/object-verify/{bucket}/{*key}", Tier::Objects, 2),
    ("GET", "/objects/{bucket}/{*key}", Tier::Objects, 1),
    ("PUT", "/objects/{bucket}/{*key}", Tier::Objects, 2),
    ("DELETE", "/objects/{bucket}/{*key}", Tier::Objects, 2),
    ("GET", "/overview", Tier::General, 1),
    ("POST", "/passkeys", Tier::General, 2),
    ("POST", "/passkeys/options", Tier::Auth, 5),
    ("PATCH", "/passkeys/{id}", Tier::General, 2),
    ("POST", "/passkeys/{id}/remove", Tier::Auth, 5),
    ("PUT", "/password", Tier::Auth, 5),
    ("POST", "/proofs/verify", Tier::Tasks, 5),
    ("GET", "/roles", Tier::General, 1),
    ("PUT", "/roles/{role}", Tier::General, 2),
    ("DELETE", "/roles/{role}", Tier::General, 2),
    ("GET", "/schedules", Tier::Tasks, 1),
    ("POST", "/schedules", Tier::Tasks, 5),
    ("GET", "/schedules/{id}", Tier::Tasks, 1),
    ("DELETE", "/schedules/{id}", Tier::Tasks, 2),
    ("POST", "/schedules/{id}/pause", Tier::Tasks, 2),
    ("POST", "/schedules/{id}/resume", Tier::Tasks, 2),
    ("GET", "/session", Tier::General, 1),
    ("POST", "/session", Tier::Auth, 5),
    ("DELETE", "/session", Tier::General, 2),
    ("GET", "/sessions", Tier::General, 1),
    ("DELETE", "/sessions/{id}", Tier::General, 2),
    ("POST", "/shares", Tier::Objects, 2),
    ("GET", "/shares/{token}", Tier::Objects, 1),
    ("GET", "/tasks", Tier::Tasks, 1),
    ("POST", "/tasks", Tier::Tasks, 5),
    ("GET", "/task-types", Tier::Tasks, 1),
    ("GET", "/tasks/statistics", Tier::Tasks, 1),
    ("GET", "/tasks/{id}", Tier::Tasks, 1),
    ("GET", "/tasks/{id}/logs", Tier::Tasks, 1),
    ("POST", "/tasks/{id}/cancel", Tier::Tasks, 2),
    ("GET", "/tasks/{id}/outputs/{*path}", Tier::Tasks, 1),
    ("GET", "/tasks/{id}/proofs", Tier::Tasks, 1),
    ("GET", "/tasks/{id}/receipt", Tier::Tasks, 1),
    ("POST", "/tasks/{id}/requeue", Tier::Tasks, 5),
    ("GET", "/tasks/{id}/statement", Tier::Tasks, 1),
    ("GET", "/tasks/{id}/stderr", Tier::Tasks, 1),
    ("GET", "/tasks/{id}/stdout", Tier::Tasks, 1),
    ("POST", "/uploads", Tier::Objects, 2),
    ("DELETE", "/uploads/{upload}", Tier::Objects, 2),
    ("POST", "/uploads/{upload}/complete", Tier::Objects, 2),
    ("GET", "/uploads/{upload}/parts", Tier::Objects, 1),
    ("PUT", "/uploads/{upload}/parts/{number}", Tier::Objects, 2),
    ("GET", "/usage", Tier::Objects, 1),
    ("GET", "/users", Tier::General, 1),
    ("POST", "/users", Tier::General, 2),
    ("GET", "/users/{name}", Tier::General, 1),
    ("POST", "/users/{name}/block", Tier::General, 2),
    ("PUT", "/users/{name}/password", Tier::General, 2),
    ("POST", "/users/{name}/reset-factors", Tier::General, 2),
    ("POST", "/users/{name}/unblock", Tier::General, 2),
    ("GET", "/verification-keys", Tier::General, 1),
    ("POST", "/verification-keys", Tier::General, 2),
    ("DELETE", "/verification-keys/{id}", Tier::General, 2),
    ("GET", "/webhooks", Tier::General, 1),
    ("POST", "/webhooks", Tier::General, 2),
    ("GET", "/webhooks/{id}", Tier::General, 1),
    ("PATCH", "/webhooks/{id}", Tier::General, 2),
    ("DELETE", "/webhooks/{id}", Tier::General, 2),
    ("GET", "/webhooks/{id}/deliveries", Tier::General, 1),
    ("POST", "/webhooks/{id}/deliveries/{delivery}/redeliver", Tier::General, 2),
    ("POST", "/webhooks/{id}/pause", Tier::General, 2),
    ("POST", "/webhooks/{id}/resume", Tier::General, 2),
    ("POST", "/webhooks/{id}/rotate", Tier::General, 2),
    ("POST", "/webhooks/{id}/test", Tier::General, 2),
];

/// Routes by which strangers come in: what they present is in the body or the address, and is no credential yet.
const BY_NETWORK: [(&str, &str); 7] = [
    ("POST", "/auth/login"),
    ("POST", "/auth/passkey-options"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/register"),
    ("POST", "/nodes"),
    ("POST", "/session"),
    ("GET", "/shares/{token}"),
];

/// Where the table's paths begin.
const BASE: &str = casemate_api::BASE_PATH;

static PRICES: LazyLock<HashMap<(&str, &str), Price>> = LazyLock::new(|| {
    let rows = ROUTES.iter().map(|(method, path, tier, cost)| {
        let by_credential = !BY_NETWORK.contains(&(*method, *path));
        ((*method, *path), Price { tier: *tier, cost: *cost, by_credential })
    });
    rows.collect()
});

/// The price of a request for the route with this template.
pub(crate) fn price(method: &Method, template: Option<&str>) -> Price {
    if template.is_some_and(|template| template.starts_with("/fn/")) {
        return FUNCTION;
    }
    if template == Some("/metrics") {
        return Price { by_credential: true, ..OTHER };
    }
    let Some(path) = template.and_then(|template| template.strip_prefix(BASE)) else { return OTHER };
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    PRICES.get(&(method, path)).copied().unwrap_or(OTHER)
}

/// The price of an operation of S3: reads cost one, the rest two.
pub(crate) fn s3_price(operation: &str) -> Price {
    let reads = ["Get", "Head", "List"].iter().any(|verb| operation.starts_with(verb));
    Price { tier: Tier::S3, cost: if reads { 1 } else { 2 }, by_credential: true }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_a_price() {
        let document: serde_json::Value = serde_json::from_str(&crate::openapi_document()).expect("JSON");
        let mut served = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for method in methods.as_object().expect("methods").keys() {
                served.insert((method.to_uppercase(), path.trim_start_matches(BASE).to_owned()));
            }
        }
        let priced: BTreeSet<_> =
            ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), path.replace("{*", "{"))).collect();
        assert_eq!(served, priced, "each route needs a row in crates/server/src/tiers.rs");
        assert_eq!(ROUTES.len(), PRICES.len(), "no row stands there twice");
    }

    #[test]
    fn no_request_costs_more_than_every_burst_holds() {
        let routes = ROUTES.iter().map(|(_, path, tier, cost)| (*path, *tier, *cost));
        let operations = crate::S3_OPERATIONS.iter().map(|(name, _)| (*name, Tier::S3, s3_price(name).cost));
        for (name, tier, cost) in routes.chain(operations) {
            assert!((1..=tier.burst_min()).contains(&cost), "{name} costs {cost}");
        }
    }

    #[test]
    fn prices_are_found_by_template_and_method() {
        let of = |method: Method, template| price(&method, template);
        let tasks = |cost| Price { tier: Tier::Tasks, cost, by_credential: true };
        assert_eq!(of(Method::POST, Some("/api/v1/tasks")), tasks(5));
        assert_eq!(of(Method::HEAD, Some("/api/v1/tasks")), tasks(1));
        assert_eq!(
            of(Method::POST, Some("/api/v1/session")),
            Price { tier: Tier::Auth, cost: 5, by_credential: false }
        );
        assert!(!of(Method::GET, Some("/api/v1/shares/{token}")).by_credential);
        for template in [None, Some("/{*path}"), Some("/tasks"), Some("/api/v1/openapi.json")] {
            assert_eq!(of(Method::GET, template), OTHER, "{template:?}");
        }
        assert_eq!((s3_price("GetObject").cost, s3_price("PutObject").cost), (1, 2));
    }
}
