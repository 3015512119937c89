use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::{DeployFunction, FunctionDetails, FunctionFigures, LATENCY_BOUNDS_MS};
use casemate_functions::{Access, FunctionName, HostRules, Route, Settings, Version};
use casemate_model::{Grant, RunLimits, Scopes};
use http::StatusCode;
use serde::Deserialize;

use super::tasks::{module_source, run_limits};
use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// How long a request may take unless something else is asked for, in milliseconds.
const WALL_MS: u64 = 10_000;
/// How long its compilation may take, once. Engines of other languages are large.
const COMPILE_MS: u64 = 120_000;
/// How many requests a version answers at once unless something else is asked for.
const CONCURRENCY: u32 = 16;
/// Most lines of a log in one answer.
const LINES_MAX: u32 = 1_000;

/// Deploy a version of a function
///
/// The first one makes the function, whose name then is the project's on the whole node. The component is compiled before the
/// answer, which takes seconds if it is large.
#[utoipa::path(post, path = "/functions/{name}/versions", operation_id = "functions_deploy", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), IdempotencyParams),
    request_body = wire::functions::DeployFunction,
    responses((status = 201, body = wire::functions::Function), (status = "default", body = wire::Problem)))]
pub(crate) async fn deploy_function(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::functions::DeployFunction>,
) -> Result<Response, Problem> {
    let hosts = body.hosts.iter().enumerate();
    let hosts = hosts.map(|(at, text)| body_field(&format!("/hosts/{at}"), text));
    let hosts = HostRules::new(hosts.collect::<Result<_, _>>()?)
        .ok_or_else(|| Problem::field("/hosts", "at most 32 hosts".to_owned()))?;
    let grants = body.grants.iter().enumerate();
    let grants = grants.map(|(at, text)| body_field::<Grant>(&format!("/grants/{at}"), text));
    let grants = Scopes::new(grants.collect::<Result<Vec<_>, _>>()?)
        .map_err(|error| Problem::field("/grants", error.to_string()))?;
    let limits = RunLimits {
        wall_ms: body.limits.wall_ms.unwrap_or(WALL_MS),
        compile_ms: body.limits.compile_ms.unwrap_or(COMPILE_MS),
        ..run_limits(&body.limits)
    };
    let wanted = DeployFunction {
        name: path_parameter("name", &name)?,
        module: module_source(&body.module)?,
        settings: Settings {
            access: if body.public { Access::Public } else { Access::Project },
            env: body.env.into_iter().collect(),
            hosts,
            grants,
            limits,
            concurrency: body.concurrency.unwrap_or(CONCURRENCY),
            rate: body.rate,
        },
        percent: body.percent.unwrap_or(100),
    };
    let deployed = state.control.deploy_function(&caller, wanted).await?;
    Ok((StatusCode::CREATED, axum::Json(function(&deployed))).into_response())
}

/// List the project's functions
#[utoipa::path(get, path = "/functions", operation_id = "functions_list", tag = "functions", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::functions::Function>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_functions(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::functions::Function>>, Problem> {
    let query = query.into_inner()?;
    let listed = state.control.list_functions(&caller, query.after()?, query.rows()?).await?;
    let functions = listed.iter().map(function).collect();
    Ok(axum::Json(query.page(functions, |function: &wire::functions::Function| function.name.clone())?))
}

/// Show a function with what it has done
#[utoipa::path(get, path = "/functions/{name}", operation_id = "functions_show", tag = "functions",
    params(("name" = String, Path, description = "The function's name")),
    responses((status = 200, body = wire::functions::Function), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_function(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<axum::Json<wire::functions::Function>, Problem> {
    let name: FunctionName = path_parameter("name", &name)?;
    Ok(axum::Json(function(&state.control.show_function(&caller, &name).await?)))
}

/// List versions of a function, newest first
#[utoipa::path(get, path = "/functions/{name}/versions", operation_id = "functions_versions", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), PageQuery),
    responses((status = 200, body = wire::Page<wire::functions::FunctionVersion>),
        (status = "default", body = wire::Problem)))]
pub(crate) async fn list_function_versions(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::functions::FunctionVersion>>, Problem> {
    let (name, query) = (path_parameter("name", &name)?, query.into_inner()?);
    let versions = state.control.function_versions(&caller, &name, query.after()?, query.rows()?).await?;
    let versions = versions.iter().map(version).collect();
    let number = |version: &wire::functions::FunctionVersion| version.number.to_string();
    Ok(axum::Json(query.page(versions, number)?))
}

/// Where to read a log on from.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// The number of the last line that is known; the latest lines if absent.
    #[param(example = 17)]
    after: Option<u64>,
    /// Most lines, at most 1,000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Read what a function has logged
#[utoipa::path(get, path = "/functions/{name}/log", operation_id = "functions_log", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), LogQuery),
    responses((status = 200, body = wire::functions::FunctionLog), (status = "default", body = wire::Problem)))]
pub(crate) async fn function_log(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<LogQuery>>,
) -> Result<axum::Json<wire::functions::FunctionLog>, Problem> {
    let (name, query) = (path_parameter("name", &name)?, query.into_inner()?);
    let limit = query.limit.unwrap_or(100).clamp(1, LINES_MAX);
    let lines = state.control.function_log(&caller, &name, query.after.unwrap_or(0), limit).await?;
    let lines = lines.into_iter().map(|line| wire::functions::FunctionLogLine {
        number: line.number,
        time: line.time.to_string(),
        request: line.request.to_string(),
        version: line.version,
        text: line.text,
    });
    Ok(axum::Json(wire::functions::FunctionLog { lines: lines.collect() }))
}

/// Choose which versions of a function answer
#[utoipa::path(put, path = "/functions/{name}/route", operation_id = "functions_route", tag = "functions",
    params(("name" = String, Path, description = "The function's name")), request_body = wire::functions::RouteFunction,
    responses((status = 200, body = wire::functions::Function), (status = "default", body = wire::Problem)))]
pub(crate) async fn route_function(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::functions::RouteFunction>,
) -> Result<axum::Json<wire::functions::Function>, Problem> {
    let name: FunctionName = path_parameter("name", &name)?;
    let parts = body.route.iter().map(|part| (part.version, part.percent)).collect();
    let route = Route::new(parts).map_err(|error| Problem::field("/route", error.to_string()))?;
    Ok(axum::Json(function(&state.control.route_function(&caller, &name, route).await?)))
}

/// Have an earlier version of a function answer all requests
#[utoipa::path(post, path = "/functions/{name}/rollback", operation_id = "functions_roll_back", tag = "functions",
    params(("name" = String, Path, description = "The function's name"), IdempotencyParams),
    request_body = wire::functions::RollBackFunction,
    responses((status = 200, body = wire::functions::Function), (status = "default", body = wire::Problem)))]
pub(crate) async fn roll_back_function(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    Json(body): Json<wire::functions::RollBackFunction>,
) -> Result<axum::Json<wire::functions::Function>, Problem> {
    let name: FunctionName = path_parameter("name", &name)?;
    Ok(axum::Json(function(&state.control.roll_back_function(&caller, &name, body.version).await?)))
}

/// Remove a function with all its versions
#[utoipa::path(delete, path = "/functions/{name}", operation_id = "functions_remove", tag = "functions",
    params(("name" = String, Path, description = "The function's name")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_function(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let name: FunctionName = path_parameter("name", &name)?;
    state.control.remove_function(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn function(details: &FunctionDetails) -> wire::functions::Function {
    let of = &details.function;
    let part =
        |(version, percent): &(u32, u8)| wire::functions::RoutePart { version: *version, percent: *percent };
    wire::functions::Function {
        name: of.name.to_string(),
        path: format!("/fn/{}/", of.name),
        route: of.route.parts().iter().map(part).collect(),
        newest: of.newest,
        version: version(&details.version),
        figures: figures(&details.figures),
        created: of.created.to_string(),
        updated: of.updated.to_string(),
    }
}

fn version(version: &Version) -> wire::functions::FunctionVersion {
    let Settings { access, env, hosts, grants, limits, concurrency, rate } = &version.settings;
    wire::functions::FunctionVersion {
        number: version.number,
        module: version.module.to_string(),
        public: *access == Access::Public,
        env: env.iter().map(|(name, _)| name.clone()).collect(),
        hosts: hosts.texts(),
        grants: grants.iter().map(|grant| grant.to_string()).collect(),
        limits: convert::limits(limits),
        concurrency: *concurrency,
        rate: *rate,
        actor: version.actor.clone(),
        created: version.created.to_string(),
    }
}

fn figures(figures: &FunctionFigures) -> wire::functions::FunctionFigures {
    let FunctionFigures { answered, errors, failed, refused, latency, running } = figures;
    let bounds = LATENCY_BOUNDS_MS.into_iter().map(Some).chain([None]);
    let latency = bounds.zip(latency);
    wire::functions::FunctionFigures {
        answered: *answered,
        errors: *errors,
        failed: *failed,
        refused: *refused,
        running: *running,
        latency: latency
            .map(|(up_to_ms, count)| wire::functions::LatencyCount { up_to_ms, count: *count })
            .collect(),
    }
}
