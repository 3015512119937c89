use axum::extract::{Query, State};
use casemate_api as wire;
use casemate_control::KnownRegistry;
use casemate_ledger::Standing as NameStanding;
use casemate_model::{Name, RegistryId};
use casemate_peers::{Found, How, PeerShown, Standing};
use serde::Deserialize;
use std::time::Duration;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::problem::{Problem, path_parameter};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeerNameQuery {
    /// The registry whose name it is; may be left out if the node knows only one.
    registry: Option<String>,
    /// How many seconds old the answer may be at most. What is not known to be younger is refused.
    max_age: Option<u64>,
}

/// Show the peers of this node
#[utoipa::path(get, path = "/peers", operation_id = "peers_show", tag = "peers",
    responses((status = 200, body = wire::peers::Peers), (status = "default", body = wire::Problem)))]
pub(crate) async fn show_peers(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<axum::Json<wire::peers::Peers>, Problem> {
    let (shown, known) = state.control.show_peers(&caller).await?;
    Ok(axum::Json(wire::peers::Peers {
        id: shown.id,
        listening: shown.listening,
        peers: shown.peers.into_iter().map(peer).collect(),
        registries: known.into_iter().map(registry).collect(),
        proofs: shown.proofs as u64,
        bytes: shown.bytes as u64,
    }))
}

/// Ask peers what a name means
///
/// Every answer of theirs is checked, and the newest taken. That nobody knows a name does not mean that it is free: only its
/// registry can say that.
#[utoipa::path(get, path = "/peers/names/{name}", operation_id = "peers_resolve", tag = "peers",
    params(("name" = String, Path, description = "The name"), PeerNameQuery),
    responses((status = 200, body = wire::peers::PeerName), (status = "default", body = wire::Problem)))]
pub(crate) async fn resolve_at_peers(
    State(state): State<AppState>,
    From(caller): From,
    Path(name): Path<String>,
    query: Answer<Query<PeerNameQuery>>,
) -> Result<axum::Json<wire::peers::PeerName>, Problem> {
    let name: Name = path_parameter("name", &name)?;
    let query = query.into_inner()?;
    let registry: Option<RegistryId> =
        query.registry.as_deref().map(|text| path_parameter("registry", text)).transpose()?;
    let age_max = query.max_age.map(Duration::from_secs);
    let found = state.control.resolve_at_peers(&caller, (registry, &name), age_max).await?;
    Ok(axum::Json(peer_name(&found)))
}

fn peer(shown: PeerShown) -> wire::peers::Peer {
    wire::peers::Peer {
        id: shown.id,
        address: shown.address,
        standing: match shown.standing {
            Standing::Own => wire::peers::PeerStanding::Own,
            Standing::Known => wire::peers::PeerStanding::Known,
            Standing::Other => wire::peers::PeerStanding::Other,
        },
        connected: shown.connected,
    }
}

fn registry(known: KnownRegistry) -> wire::peers::KnownRegistry {
    wire::peers::KnownRegistry {
        id: known.id.to_string(),
        keys: known.keys.iter().map(ToString::to_string).collect(),
        age_ms: known.age.map(convert::millis),
    }
}

fn peer_name(found: &Found) -> wire::peers::PeerName {
    let record = found.proof.signed().record();
    let is_usable = !record.change.is_end() && record.standing == NameStanding::Good;
    wire::peers::PeerName {
        name: record.name.to_string(),
        registry: record.registry.to_string(),
        project: record.project.to_string(),
        epoch: record.epoch,
        sequence: record.sequence,
        change: convert::name_change(record.change),
        digest: record.digest.filter(|_| is_usable).map(|digest| digest.to_string()),
        dns: is_usable.then(|| convert::name_dns(&record.dns)),
        entered: found.entered.to_string(),
        expires: record.expires.to_string(),
        resolution: match found.how {
            How::Bounded { age } => convert::bounded(age),
            How::Offline => {
                wire::names::Resolution { kind: wire::names::ResolutionKind::Offline, age_ms: None }
            }
        },
        copies: found.copies as u64,
        refused: found.refused as u64,
        proof: found.proof.to_string(),
    }
}
