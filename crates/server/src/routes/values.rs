use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_functions::{FunctionName, VALUE_BYTES_MAX, ValueBefore, ValueInfo, ValueKey, ValuePage};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use crate::app::AppState;
use crate::caller::From;
use crate::extract::{Answer, Path};
use crate::json::refuse_encoded;
use crate::page::PageQuery;
use crate::problem::{Problem, path_parameter};
use crate::routes::flowing;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ValuesQuery {
    /// What keys must start with.
    #[serde(default)]
    prefix: String,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List the values that a function keeps
#[utoipa::path(get, path = "/functions/{name}/values", operation_id = "functions_list_values", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), ValuesQuery),
    responses((status = 200, body = wire::Page<wire::functions::FunctionValue>),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn list_values(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<ValuesQuery>>,
) -> Result<axum::Json<wire::Page<wire::functions::FunctionValue>>, Problem> {
    let ValuesQuery { prefix, limit, after } = query.into_inner()?;
    let name: FunctionName = path_parameter("name", &name)?;
    let page = PageQuery::new(limit, after);
    let wanted = ValuePage { prefix, after: page.after()?, limit: page.rows()? };
    let values = state.control.list_function_values(&caller, &name, wanted).await?;
    let values = values.iter().map(value).collect();
    Ok(axum::Json(page.page(values, |value: &wire::functions::FunctionValue| value.key.clone())?))
}

/// Read a value that a function keeps
#[utoipa::path(get, path = "/functions/{name}/values/{key}", operation_id = "functions_read_value", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), ("key" = String, Path, description = "The key")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn read_value(
    State(state): State<AppState>,
    From(caller): From,
    Path((name, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (name, key) = address(&name, &key)?;
    let (info, bytes) = state.control.read_function_value(&caller, &name, &key).await?;
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::ETAG, entity_tag(&info)), (header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// Set a value that a function keeps
///
/// `If-Match` with the value's entity tag, or `If-None-Match: *`, sets it only if nobody else has meanwhile.
#[utoipa::path(put, path = "/functions/{name}/values/{key}", operation_id = "functions_set_value", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), ("key" = String, Path, description = "The key"),
        ("if-match" = Option<String>, Header, description = "The entity tag of the value that is there"),
        ("if-none-match" = Option<String>, Header, description = "`*`, if no value may be there")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = wire::functions::FunctionValue), (status = "default", body = wire::Problem)))]
pub(crate) async fn set_value(
    State(state): State<AppState>,
    From(caller): From,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_encoded(&headers)?;
    let (name, key) = address(&name, &key)?;
    let before = before(&headers)?;
    let body = Limited::new(Body::from_stream(flowing(body)), VALUE_BYTES_MAX).collect().await;
    let bytes = body.map_err(|error| Problem::value_body(&*error))?.to_bytes();
    let set = state.control.set_function_value(&caller, (&name, &key), &bytes, before).await?;
    Ok(([(header::ETAG, entity_tag(&set))], axum::Json(value(&set))).into_response())
}

/// Remove a value that a function keeps
#[utoipa::path(delete, path = "/functions/{name}/values/{key}", operation_id = "functions_remove_value", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), ("key" = String, Path, description = "The key"),
        ("if-match" = Option<String>, Header, description = "The entity tag of the value that is there")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_value(
    State(state): State<AppState>,
    From(caller): From,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (name, key) = address(&name, &key)?;
    let before = before(&headers)?;
    state.control.remove_function_value(&caller, (&name, &key), before).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn address(name: &str, key: &str) -> Result<(FunctionName, ValueKey), Problem> {
    Ok((path_parameter("name", name)?, path_parameter("key", key)?))
}

/// What must be there. A condition that is not understood is refused, as passing over it would overwrite what it guards.
fn before(headers: &HeaderMap) -> Result<ValueBefore, Problem> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let bad =
        |name: HeaderName, wanted: &str| Problem::parameter_text(name.as_str(), format!("must be {wanted}"));
    for name in [header::IF_UNMODIFIED_SINCE, header::CONTENT_RANGE] {
        if headers.contains_key(&name) {
            return Err(bad(name, "left out: a value is set whole, and told from another by its entity tag"));
        }
    }
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        if headers.get_all(&name).iter().count() > 1 {
            return Err(bad(name, "given once"));
        }
    }
    match (text(&header::IF_MATCH), text(&header::IF_NONE_MATCH)) {
        (None, None) => Ok(ValueBefore::Anything),
        (None, Some("*")) => Ok(ValueBefore::Nothing),
        (_, Some(_)) => Err(bad(header::IF_NONE_MATCH, "`*`, and not beside If-Match")),
        (Some(tag), None) => {
            let revision = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let revision = revision.and_then(|text| {
                // As it was given: other ways to write a number are no tag of a value.
                text.parse().ok().filter(|revision: &u64| revision.to_string() == text)
            });
            revision.map(ValueBefore::Revision).ok_or_else(|| bad(header::IF_MATCH, "the value's entity tag"))
        }
    }
}

fn entity_tag(value: &ValueInfo) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", value.revision)).expect("digits and quotes")
}

fn value(info: &ValueInfo) -> wire::functions::FunctionValue {
    wire::functions::FunctionValue {
        key: info.key.to_string(),
        size_bytes: info.size_bytes,
        revision: info.revision,
        updated: info.updated.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_understood_or_refused() {
        let of = |name: Option<HeaderName>, value: &'static str| {
            let headers = name.map(|name| (name, HeaderValue::from_static(value)));
            before(&headers.into_iter().collect()).map_err(|problem| problem.pointer().map(str::to_owned))
        };
        assert_eq!(of(None, ""), Ok(ValueBefore::Anything));
        assert_eq!(of(Some(header::IF_NONE_MATCH), "*"), Ok(ValueBefore::Nothing));
        assert_eq!(of(Some(header::IF_MATCH), "\"7\""), Ok(ValueBefore::Revision(7)));
        for value in ["7", "\"\"", "\"07\"", "W/\"7\"", "\"x\"", "*", "\"7\", \"8\""] {
            assert_eq!(of(Some(header::IF_MATCH), value), Err(Some("if-match".to_owned())), "{value}");
        }
        assert_eq!(of(Some(header::IF_NONE_MATCH), "\"7\""), Err(Some("if-none-match".to_owned())));
        let twice = [(header::IF_MATCH, "\"7\""), (header::IF_MATCH, "\"8\"")];
        let since = [(header::IF_UNMODIFIED_SINCE, "Mon, 01 Jan 2001 00:00:00 GMT")];
        let range = [(header::CONTENT_RANGE, "bytes 0-1/9")];
        for headers in [&twice[..], &since, &range] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, HeaderValue::from_static(value));
            }
            assert!(before(&map).is_err(), "{headers:?}");
        }
        let both =
            [header::IF_MATCH, header::IF_NONE_MATCH].map(|name| (name, HeaderValue::from_static("*")));
        assert_eq!(before(&both.into_iter().collect()).map_err(|_| ()), Err(()));
    }
}
