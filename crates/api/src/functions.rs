//! Functions: components that answer HTTP requests under a name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::tasks::{Limits, LimitsRequest, ModuleSource};

/// A version that is to be deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployFunction {
    /// The component, of the world `wasi:http/proxy`.
    pub module: ModuleSource,
    /// Whether everybody may send it requests. Otherwise it takes a credential of the project with the scope `functions:call`.
    #[serde(default)]
    pub public: bool,
    /// Environment variables. Nothing of the node's own environment is added.
    #[serde(default)]
    #[schema(example = json!({"GREETING": "hello"}))]
    pub env: BTreeMap<String, String>,
    /// Hosts that it may send requests to, at most 32; none otherwise. `api.example.org` is asked over HTTPS;
    /// `*.example.org` is every name below, `example.org:8443` another port, and `http://` before it unencrypted.
    #[serde(default)]
    #[schema(example = json!(["api.example.org"]))]
    pub hosts: Vec<String>,
    /// What it may ask of the node itself, at `http://casemate.internal/api/v1/`, in the name of whoever deploys it: scopes, each with a
    /// pattern or without, of `objects:read`, `objects:write`, `names:read` and `functions:values`.
    #[serde(default)]
    #[schema(example = json!(["objects:read:models/*", "functions:values:edge"]))]
    pub grants: Vec<String>,
    /// What one request may use. `wall_ms` is 10 seconds unless given, and `compile_ms`, which is spent once and at deployment,
    /// 2 minutes.
    #[serde(default)]
    pub limits: LimitsRequest,
    /// How many requests it answers at once; as many as four times that wait for their turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 256)]
    pub concurrency: Option<u32>,
    /// How many requests a second it answers; no limit unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100_000)]
    pub rate: Option<u32>,
    /// How many of a hundred requests this version answers, once there are others; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub percent: Option<u8>,
}

/// Which versions answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFunction {
    /// Versions with how many of a hundred requests each answers, at most 8.
    pub route: Vec<RoutePart>,
}

/// A version with its part of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutePart {
    /// The version.
    pub version: u32,
    /// How many of a hundred requests it answers.
    #[schema(minimum = 1, maximum = 100)]
    pub percent: u8,
}

/// To which version to go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackFunction {
    /// The version; the one before the newest of those that answer if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Function {
    /// What it is called.
    #[schema(example = "edge")]
    pub name: String,
    /// The path that it answers below.
    #[schema(example = "/fn/edge/")]
    pub path: String,
    /// Which versions answer.
    pub route: Vec<RoutePart>,
    /// The number of its newest version.
    pub newest: u32,
    /// The version that answers most.
    pub version: FunctionVersion,
    /// What it has done since the node started.
    pub figures: FunctionFigures,
    /// When the first version was deployed.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it changed last.
    #[schema(format = DateTime)]
    pub updated: String,
}

/// A version of a function. None ever changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionVersion {
    /// Counts from 1.
    pub number: u32,
    /// The component's digest.
    pub module: String,
    /// Whether everybody may send it requests.
    pub public: bool,
    /// The names of its environment variables. Their values may be secrets and are not shown.
    pub env: Vec<String>,
    /// Hosts that it may send requests to.
    pub hosts: Vec<String>,
    /// What it may ask of the node itself.
    pub grants: Vec<String>,
    /// What one request may use.
    pub limits: Limits,
    /// How many requests it answers at once.
    pub concurrency: u32,
    /// How many requests a second it answers; null for no limit.
    #[schema(required = true)]
    pub rate: Option<u32>,
    /// Who deployed it.
    pub actor: String,
    /// When.
    #[schema(format = DateTime)]
    pub created: String,
}

/// What a function has done since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionFigures {
    /// Requests that were answered, whatever the answer.
    pub answered: u64,
    /// Of those, with a status of 500 or more.
    pub errors: u64,
    /// Requests to which it gave no whole answer: a trap, a limit, or nothing at all.
    pub failed: u64,
    /// Requests that were refused because there were too many.
    pub refused: u64,
    /// Requests that are being answered.
    pub running: u64,
    /// How many requests took how long.
    pub latency: Vec<LatencyCount>,
}

/// How many requests took so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LatencyCount {
    /// At most so many milliseconds, and more than the one before; null for whatever took longer.
    #[schema(required = true)]
    pub up_to_ms: Option<u32>,
    /// How many.
    pub count: u64,
}

/// A line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionLogLine {
    /// Its place; pass the last one as `after` to read on.
    pub number: u64,
    /// When the request ended that it is of.
    #[schema(format = DateTime)]
    pub time: String,
    /// The request, as its answer's `x-request-id` says.
    pub request: String,
    /// The version that answered.
    pub version: u32,
    /// The text.
    pub text: String,
}

/// Lines of a function's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionLog {
    /// Oldest first. Only the latest 2,000 lines are kept, and none outlives the node's run.
    pub lines: Vec<FunctionLogLine>,
}

/// A value that a function keeps from one request to the next, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionValue {
    /// What it is kept under: 1 to 256 bytes without control characters.
    #[schema(example = "visits")]
    pub key: String,
    /// How many bytes it has, at most 65,536.
    pub size_bytes: u64,
    /// Grows with every change; the value's entity tag is it in quotes.
    pub revision: u64,
    /// When it was set.
    #[schema(format = DateTime)]
    pub updated: String,
}
