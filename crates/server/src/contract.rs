//! What the document says of each route, held against every request: parameters that a route does not have are refused
//! here, so that no handler has to think of it and no misspelt parameter is passed over in silence.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{MatchedPath, Request};
use http::Method;
use percent_encoding::percent_decode_str;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi as Document, RefOr};

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
    pub(crate) fn check(&self, request: &Request) -> Result<(), Problem> {
        let Some(route) = self.route(request) else { return Ok(()) };
        for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
            let name = percent_decode_str(&name).decode_utf8_lossy();
            if !route.query.contains(&*name) {
                return Err(Problem::parameter_text(&name, route.unknown(&name)));
            }
        }
        Ok(())
    }

    fn route(&self, request: &Request) -> Option<&Route> {
        let template = request.extensions().get::<MatchedPath>()?.as_str();
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.0.get(&documented(template))?.get(method.as_str())
    }
}

impl Route {
    fn of(operation: &Operation) -> Self {
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let query = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
        Self { query: query.map(|parameter| parameter.name.clone()).collect() }
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
}
