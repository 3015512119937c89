//! Parts of the path and of the query, whose mistakes are problems that name the parameter like all others.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::app::AppState;
use crate::json::missing;
use crate::problem::Problem;

/// Parts of the path, in the order of the route.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        // Every part is taken as text, so all that can be wrong is text that is none.
        path.map(|path| Self(path.0))
            .map_err(|_| Problem::parameter_text("path", "is not UTF-8 behind its escapes".to_owned()))
    }
}

/// A query whose mistakes are problems like all others.
pub(crate) struct Answer<T>(T);

impl<T> Answer<Query<T>> {
    pub(crate) fn into_inner(self) -> Result<T, Problem> {
        Ok(self.0.0)
    }
}

impl<T: DeserializeOwned> FromRequestParts<AppState> for Answer<Query<T>> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Problem> {
        query(parts.uri.query().unwrap_or_default()).map(|value| Self(Query(value)))
    }
}

fn query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    for pair in text.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        if percent_decode_str(pair).decode_utf8().is_err() {
            return Err(Problem::parameter_text(name, "is not UTF-8 behind its escapes".to_owned()));
        }
    }
    let parser = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(parser).map_err(|error| {
        let text = error.inner().to_string();
        let path = error.path().to_string();
        let name = missing(&text).or_else(|| twice(&text)).map_or(path, ToOwned::to_owned);
        Problem::parameter_text(&name, plain(text))
    })
}

/// What the parsers of numbers and truths say, in words for who asks.
fn plain(text: String) -> String {
    match text.as_str() {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number, such as 100".to_owned()
        }
        "number too large to fit in target type" => "is too large a number".to_owned(),
        "number too small to fit in target type" => "is too small a number".to_owned(),
        "provided string was not `true` or `false`" => "must be `true` or `false`".to_owned(),
        _ => text,
    }
}

/// The parameter that is there twice, which the error too says in its text only.
fn twice(text: &str) -> Option<&str> {
    text.strip_prefix("duplicate field `")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        limit: Option<u32>,
        bucket: String,
    }

    fn refused(text: &str) -> String {
        query::<Asked>(text).expect_err("a bad query").pointer().unwrap_or_default().to_owned()
    }

    #[test]
    fn each_mistake_of_a_query_names_its_parameter() {
        let asked = Asked { limit: Some(7), bucket: "a b".to_owned() };
        assert_eq!(query::<Asked>("limit=7&bucket=a%20b").ok(), Some(asked));
        for (text, name) in [
            ("bucket=a&limit=many", "limit"),
            ("bucket=a&limit=-1", "limit"),
            ("bucket=a&limit=4294967296", "limit"),
            ("bucket=a&limit=1&limit=2", "limit"),
            ("bucket=a&colour=red", "colour"),
            ("limit=1", "bucket"),
            ("bucket=%ff", "bucket"),
        ] {
            assert_eq!(refused(text), name, "{text}");
        }
        for (text, said) in
            [("limit=many", "whole number"), ("limit=", "whole number"), ("limit=4294967296", "too large")]
        {
            let problem = query::<Asked>(&format!("bucket=a&{text}")).expect_err("a bad query");
            assert!(problem.detail().contains(said), "{text}: {}", problem.detail());
        }
    }
}
