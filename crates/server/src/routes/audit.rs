use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use casemate_api as wire;
use casemate_control::AuditSearch;
use casemate_ledger::Decision;
use data_encoding::{BASE64, HEXLOWER};
use http::header;
use serde::Deserialize;

use crate::app::AppState;
use crate::caller::From;
use crate::convert;
use crate::extract::{Answer, Path};
use crate::page::PageQuery;
use crate::problem::{Problem, counting_number, path_parameter};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntriesQuery {
    /// The first entry to return; the newest come first if it is not given.
    from: Option<u64>,
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before, with the newest first.
    after: Option<u64>,
    /// Words that must each stand in an entry, its details included, in whatever case; the newest come first. A page that
    /// looked at many entries ends early, or is empty, and its `next` goes on.
    search: Option<String>,
    /// Only entries of this decision: `allowed` or `denied`; like `search` otherwise.
    decision: Option<wire::audit::Decision>,
}

/// Most bytes of a search.
const SEARCH_MAX: usize = 200;

impl EntriesQuery {
    /// What is looked for, if anything is.
    fn search(&self) -> Result<Option<AuditSearch>, Problem> {
        if self.search.is_none() && self.decision.is_none() {
            return Ok(None);
        }
        if self.from.is_some() {
            return Err(Problem::parameter_text(
                "from",
                "cannot go with search or decision: those list the newest first".to_owned(),
            ));
        }
        let text = self.search.as_deref().unwrap_or_default();
        if text.len() > SEARCH_MAX {
            return Err(Problem::parameter_text("search", format!("must have at most {SEARCH_MAX} bytes")));
        }
        let words = text.split_whitespace().map(str::to_owned).collect();
        Ok(Some(AuditSearch { words, decision: self.decision.map(decision) }))
    }
}

fn decision(decision: wire::audit::Decision) -> Decision {
    match decision {
        wire::audit::Decision::Allowed => Decision::Allowed,
        wire::audit::Decision::Denied => Decision::Denied,
    }
}

/// List audit entries
#[utoipa::path(get, path = "/audit/entries", operation_id = "audit_list", tag = "audit", params(EntriesQuery),
    responses((status = 200, body = wire::Page<wire::audit::AuditEntry>), (status = "default", body = wire::Problem)))]
pub(crate) async fn list_entries(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<EntriesQuery>>,
) -> Result<axum::Json<wire::Page<wire::audit::AuditEntry>>, Problem> {
    let query = query.into_inner()?;
    let search = query.search()?;
    let EntriesQuery { from, limit, after, .. } = query;
    let page = PageQuery::new(limit, None);
    let from = from.map(|from| counting_number("from", from)).transpose()?;
    let after = after.map(|after| counting_number("after", after)).transpose()?;
    if let Some(search) = search {
        let found = state.control.search_audit(&caller, &search, after, page.rows()? - 1).await?;
        let items =
            found.entries.iter().map(|(entry, digest)| convert::entry(entry, digest.to_string())).collect();
        return Ok(axum::Json(wire::Page { items, next: found.next.map(|next| next.to_string()) }));
    }
    let rows = match from {
        Some(from) => state.control.audit_from(&caller, from, page.rows()?).await?,
        None => state.control.audit_before(&caller, after, page.rows()?).await?,
    };
    let entries = rows.iter().map(|(entry, digest)| convert::entry(entry, digest.to_string())).collect();
    // Oldest first goes on after the last one, newest first goes on below it.
    let cursor = |entry: &wire::audit::AuditEntry| (entry.sequence + u64::from(from.is_some())).to_string();
    Ok(axum::Json(page.page(entries, cursor)?))
}

/// Show the proof that an entry is in the log
#[utoipa::path(get, path = "/audit/entries/{sequence}/proof", operation_id = "audit_prove", tag = "audit",
    params(("sequence" = u64, Path, description = "The entry's number")),
    responses((status = 200, body = wire::audit::EntryProof), (status = "default", body = wire::Problem)))]
pub(crate) async fn prove_entry(
    State(state): State<AppState>,
    From(caller): From,
    Path(sequence): Path<String>,
) -> Result<axum::Json<wire::audit::EntryProof>, Problem> {
    let sequence = counting_number("sequence", path_parameter("sequence", &sequence)?)?;
    let proof = state.control.prove_entry(&caller, sequence).await?;
    let inclusion = &proof.inclusion;
    Ok(axum::Json(wire::audit::EntryProof {
        sequence,
        entry: BASE64.encode(&inclusion.entry),
        leaf_hash: HEXLOWER.encode(proof.leaf_hash().as_bytes()),
        tree_size: inclusion.checkpoint.size(),
        root: HEXLOWER.encode(inclusion.checkpoint.root().as_bytes()),
        hashes: inclusion.hashes.iter().map(|hash| HEXLOWER.encode(hash.as_bytes())).collect(),
        checkpoint: inclusion.checkpoint.to_string(),
        public_key: proof.public_key.to_string(),
    }))
}

/// Which sizes of the log to compare.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GrowthQuery {
    /// A number of entries that the log once had.
    old: u64,
    /// A number of entries that it had later.
    new: u64,
}

/// Show the proof that the log only grew
///
/// Whoever knows the roots of both sizes, from two checkpoints, sees by it that nothing was changed between them (RFC 9162, section 2.1.4).
#[utoipa::path(get, path = "/audit/consistency", operation_id = "audit_consistency", tag = "audit", params(GrowthQuery),
    responses((status = 200, body = wire::audit::GrowthProof), (status = "default", body = wire::Problem)))]
pub(crate) async fn prove_growth(
    State(state): State<AppState>,
    From(caller): From,
    query: Answer<Query<GrowthQuery>>,
) -> Result<axum::Json<wire::audit::GrowthProof>, Problem> {
    let GrowthQuery { old, new } = query.into_inner()?;
    let (old, new) = (counting_number("old", old)?, counting_number("new", new)?);
    if old > new {
        return Err(Problem::parameter_text("old", "must be at most `new`".to_owned()));
    }
    let hashes = state.control.prove_growth(&caller, (old, new)).await?;
    let hashes = hashes.iter().map(|hash| HEXLOWER.encode(hash.as_bytes())).collect();
    Ok(axum::Json(wire::audit::GrowthProof { old, new, hashes }))
}

/// Read the log's signed checkpoint
#[utoipa::path(get, path = "/audit/checkpoint", operation_id = "audit_checkpoint", tag = "audit",
    responses((status = 200, body = String, content_type = "text/plain"), (status = "default", body = wire::Problem)))]
pub(crate) async fn checkpoint(
    State(state): State<AppState>,
    From(caller): From,
) -> Result<Response, Problem> {
    let note = state.control.checkpoint(&caller).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}
