//! What is said once of all routes, rather than at each: where they are, how callers are recognised, how refusals look.

use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, ServerBuilder};

use crate::contract::documented;

/// The statuses of refusals that any route may answer.
const ALWAYS: [&str; 6] = ["400", "401", "403", "429", "500", "503"];

/// Those of routes with something in their path, of those with a body, and of those that make something once.
const WITH_PLACE: [&str; 2] = ["404", "409"];
const WITH_BODY: [&str; 5] = ["404", "409", "413", "415", "507"];
const ONCE: [&str; 2] = ["409", "422"];

/// Completes the description that the routes gave.
pub(crate) fn complete(document: &mut OpenApi) {
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document.servers = Some(vec![ServerBuilder::new().url("/api/v1").build()]);
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (documented(&path), item)).collect();
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(describe_refusals);
    }
    let components = document.components.get_or_insert_with(Default::default);
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("What is the matter")
        .content(casemate_api::Problem::MEDIA_TYPE, problem)
        .build();
    components.schemas.insert("ProblemCode".to_owned(), RefOr::T(Schema::Object(problem_codes())));
    components.responses.insert("Problem".to_owned(), RefOr::T(problem));
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::caller::SESSION_COOKIE)));
    for (name, scheme) in [("key", key), ("bearer", bearer), ("session", session)] {
        components.add_security_scheme(name, scheme);
    }
    // A route says in its answer whether it needs one; the last is none at all.
    let each =
        ["key", "bearer", "session"].map(|name| SecurityRequirement::new::<_, [&str; 0], &str>(name, []));
    document.security = Some(each.into_iter().chain([SecurityRequirement::default()]).collect());
}

fn describe_refusals(operation: &mut Operation) {
    let parameters = || {
        operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
    };
    let mut statuses = ALWAYS.to_vec();
    if parameters().any(|parameter| parameter.parameter_in == ParameterIn::Path) {
        statuses.extend(WITH_PLACE);
    }
    if parameters().any(|parameter| parameter.name == crate::idempotency::IDEMPOTENCY_KEY.as_str()) {
        statuses.extend(ONCE);
    }
    if operation.request_body.is_some() {
        statuses.extend(WITH_BODY);
    }
    let responses = &mut operation.responses.responses;
    for status in statuses {
        responses.entry(status.to_owned()).or_insert_with(problem);
    }
    // Any other refusal looks the same.
    responses.insert("default".to_owned(), problem());
}

/// The codes as they are on the wire, which a macro hides from what reads their type.
fn problem_codes() -> Object {
    let codes = casemate_api::ProblemCode::ALL.iter().map(|code| code.as_str());
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Which problem it is. Codes are never renamed or given another meaning."))
        .enum_values(Some(codes))
        .build()
}

fn problem() -> RefOr<utoipa::openapi::Response> {
    RefOr::Ref(Ref::from_response_name("Problem"))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}
