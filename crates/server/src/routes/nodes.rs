use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control as control;
use casemate_identity::{Capabilities, JoinTokenRecord, Maker, NodeRecord, NodeState, WorkRecord};
use casemate_model::{JoinTokenId, NodeId, NodeLabels, Timestamp};
use casemate_tasks::TaskState;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use crate::app::AppState;
use crate::caller::From;
use crate::extract::{Answer, Path};
use crate::idempotency::IdempotencyParams;
use crate::json::Json;
use crate::page::PageQuery;
use crate::problem::{Problem, body_field, path_parameter};

/// Make a token by which a machine joins
///
/// It is good once. The node takes tasks of the caller's project, in the name of the caller: when that may not let nodes join
/// any more, the node gets nothing more. The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/join-tokens", operation_id = "nodes_create_token", tag = "nodes", params(IdempotencyParams),
    request_body = wire::nodes::CreateJoinToken,
    responses((status = 201, body = wire::nodes::CreatedJoinToken), (status = "default", body = wire::Problem)))]
pub(crate) async fn create_join_token(
    State(state): State<AppState>,
    From(caller): From,
    Json(create): Json<wire::nodes::CreateJoinToken>,
) -> Result<Response, Problem> {
    let labels = NodeLabels::parse(create.labels.iter().map(String::as_str));
    let labels = labels.map_err(|error| Problem::field("/labels", error.to_string()))?;
    let lifetime = Duration::from_secs(create.lifetime_seconds);
    let (record, secret) = state.control.create_join_token(&caller, labels, lifetime).await?;
    let created = wire::nodes::CreatedJoinToken {
        token: join_token(&record),
        secret: secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(created)).into_response())
}

/// List join tokens that were not used yet
#[utoipa::path(get, path = "/join-tokens", operation_id = "nodes_list_tokens", tag = "nodes", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::nodes::JoinToken>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_join_tokens(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::nodes::JoinToken>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_join_tokens(&caller, query.after()?, query.rows()?).await?;
    let tokens = rows.iter().map(join_token).collect();
    Ok(axum::Json(query.page(tokens, |token: &wire::nodes::JoinToken| token.id.clone())?))
}

/// Take a join token back
#[utoipa::path(delete, path = "/join-tokens/{id}", operation_id = "nodes_withdraw_token", tag = "nodes",
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn withdraw_join_token(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: JoinTokenId = path_parameter("id", &id)?;
    state.control.withdraw_join_token(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Become a node
///
/// The token is the credential, and is used up. From then on the node comes in over mutual TLS, where the certificate stands for
/// an API key of its own that may do nothing but work on tasks.
#[utoipa::path(post, path = "/nodes", operation_id = "nodes_join", tag = "nodes", request_body = wire::nodes::JoinNode,
    responses((status = 201, body = wire::nodes::JoinedNode), (status = "default", body = wire::Problem)))]
pub(crate) async fn join_node(
    State(state): State<AppState>,
    From(caller): From,
    Json(join): Json<wire::nodes::JoinNode>,
) -> Result<Response, Problem> {
    let wire::nodes::Capabilities { cores, memory_bytes, kvm, fuel_per_second } = join.capabilities;
    for (pointer, number) in
        [("/capabilities/memory_bytes", memory_bytes), ("/capabilities/fuel_per_second", fuel_per_second)]
    {
        if number > MEASURE_MAX {
            return Err(Problem::field(pointer, format!("no machine has {number}")));
        }
    }
    let wanted = control::JoinNode {
        token: SecretString::from(join.token),
        name: body_field("/name", &join.name)?,
        request: join.request,
        capabilities: Capabilities { cores, memory_bytes, kvm, fuel_per_second },
    };
    let joined = state.control.join_node(&caller, wanted).await?;
    Ok((StatusCode::CREATED, axum::Json(joined_node(&joined, state.control.now()))).into_response())
}

/// More than any machine has of anything; the columns hold more.
const MEASURE_MAX: u64 = 1 << 60;

/// List nodes
#[utoipa::path(get, path = "/nodes", operation_id = "nodes_list", tag = "nodes", params(PageQuery),
    responses((status = 200, body = wire::Page<wire::nodes::Node>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_nodes(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<PageQuery>>,
) -> Result<axum::Json<wire::Page<wire::nodes::Node>>, Problem> {
    let query = query.into_inner()?;
    let rows = state.control.list_nodes(&caller, query.after()?, query.rows()?).await?;
    let now = state.control.now();
    let nodes = rows.iter().map(|record| node(record, now)).collect();
    Ok(axum::Json(query.page(nodes, |node: &wire::nodes::Node| node.id.clone())?))
}

/// Read figures of the project's nodes and tasks together
#[utoipa::path(get, path = "/cluster/stats", operation_id = "cluster_stats", tag = "nodes",
    responses((status = 200, body = wire::nodes::ClusterStats), (status = "default", body = wire::Problem)))]
pub(crate) async fn cluster_stats(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::nodes::ClusterStats>, Problem> {
    let (nodes, counts) = state.control.cluster_stats(&caller).await?;
    let now = state.control.now();
    let of = |wanted: &[TaskState]| {
        counts.iter().filter(|(state, _)| wanted.contains(state)).map(|(_, count)| count).sum::<u64>()
    };
    let health: Vec<f64> = nodes.iter().map(|node| f64::from(node.health(now))).collect();
    let capacity = |node: &NodeRecord| {
        let Capabilities { cores, memory_bytes, .. } = node.capabilities;
        f64::from(cores) * (memory_bytes as f64 / f64::from(1 << 30))
    };
    let healthy = nodes.iter().filter(|node| node.is_online(now) && node.health(now) >= 50).count();
    Ok(axum::Json(wire::nodes::ClusterStats {
        total_nodes: nodes.len() as u64,
        healthy_nodes: healthy as u64,
        total_tasks: of(&TaskState::ALL),
        completed_tasks: of(&[TaskState::Succeeded]),
        failed_tasks: of(&[TaskState::Failed, TaskState::TimedOut, TaskState::Dead]),
        avg_health_score: if health.is_empty() {
            0.0
        } else {
            health.iter().sum::<f64>() / health.len() as f64
        },
        // Of no numbers, the sum is -0.
        total_compute_capacity: nodes.iter().map(capacity).sum::<f64>() + 0.0,
    }))
}

/// Show a node
#[utoipa::path(get, path = "/nodes/{id}", operation_id = "nodes_show", tag = "nodes",
    params(("id" = String, Path, description = "The node's id")),
    responses((status = 200, body = wire::nodes::Node), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_node(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::nodes::Node>, Problem> {
    let id: NodeId = path_parameter("id", &id)?;
    let found = state.control.show_node(&caller, id).await?;
    Ok(axum::Json(node(&found, state.control.now())))
}

/// Give a node no more tasks
///
/// What it works on it may end.
#[utoipa::path(post, path = "/nodes/{id}/drain", operation_id = "nodes_drain", tag = "nodes",
    params(("id" = String, Path, description = "The node's id")),
    responses((status = 200, body = wire::nodes::Node), (status = "default", body = wire::Problem)))]
pub(crate) async fn drain_node(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::nodes::Node>, Problem> {
    let id: NodeId = path_parameter("id", &id)?;
    let found = state.control.drain_node(&caller, id).await?;
    Ok(axum::Json(node(&found, state.control.now())))
}

/// Give a node tasks again
#[utoipa::path(post, path = "/nodes/{id}/resume", operation_id = "nodes_resume", tag = "nodes",
    params(("id" = String, Path, description = "The node's id")),
    responses((status = 200, body = wire::nodes::Node), (status = "default", body = wire::Problem)))]
pub(crate) async fn resume_node(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<axum::Json<wire::nodes::Node>, Problem> {
    let id: NodeId = path_parameter("id", &id)?;
    let found = state.control.resume_node(&caller, id).await?;
    Ok(axum::Json(node(&found, state.control.now())))
}

/// Remove a node
///
/// It is refused from now on. What it works on goes to others when its leases end, within ten seconds.
#[utoipa::path(delete, path = "/nodes/{id}", operation_id = "nodes_remove", tag = "nodes",
    params(("id" = String, Path, description = "The node's id")),
    responses((status = 204), (status = "default", body = wire::Problem)))]
pub(crate) async fn remove_node(
    State(state): State<AppState>,
    From(caller): From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: NodeId = path_parameter("id", &id)?;
    state.control.remove_node(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn joined_node(joined: &control::JoinedNode, now: Timestamp) -> wire::nodes::JoinedNode {
    wire::nodes::JoinedNode {
        node: node(&joined.node, now),
        certificate: joined.certificate.pem.clone(),
        roots: joined.roots.clone(),
        port: joined.port,
        renew_after: joined.certificate.renew_after.to_string(),
    }
}

fn join_token(record: &JoinTokenRecord) -> wire::nodes::JoinToken {
    wire::nodes::JoinToken {
        id: record.id.to_string(),
        labels: record.labels.iter().collect(),
        created: record.created.to_string(),
        expires: record.expires.to_string(),
    }
}

pub(super) fn node_state(state: NodeState) -> wire::nodes::NodeState {
    match state {
        NodeState::Ready => wire::nodes::NodeState::Ready,
        NodeState::Draining => wire::nodes::NodeState::Draining,
        NodeState::Distrusted => wire::nodes::NodeState::Distrusted,
        NodeState::Removed => wire::nodes::NodeState::Removed,
    }
}

/// In whose name something was made.
pub(super) fn maker_text(maker: Maker) -> String {
    match maker {
        Maker::Operator => "operator".to_owned(),
        Maker::Key(id) => id.to_string(),
        Maker::User(id) => id.to_string(),
    }
}

fn node(record: &NodeRecord, now: Timestamp) -> wire::nodes::Node {
    let Capabilities { cores, memory_bytes, kvm, fuel_per_second } = record.capabilities;
    let WorkRecord { completed, failed, lost, confirmed, refuted, fuel, run_ms } = record.work;
    wire::nodes::Node {
        id: record.id.to_string(),
        name: record.name.to_string(),
        state: node_state(record.state),
        online: record.is_online(now),
        health: record.health(now),
        owner: maker_text(record.owner),
        key: record.key.to_string(),
        public_key: record.public_key.to_string(),
        labels: record.labels.iter().collect(),
        capabilities: wire::nodes::Capabilities { cores, memory_bytes, kvm, fuel_per_second },
        work: wire::nodes::WorkRecord { completed, failed, lost, confirmed, refuted, fuel, run_ms },
        created: record.created.to_string(),
        seen: record.seen.to_string(),
    }
}
