use axum::extract::State;
use axum::response::{IntoResponse, Response};
use casemate_ledger::TilePath;
use http::{HeaderValue, header};

use crate::app::AppState;
use crate::caller::From;
use crate::extract::Path;
use crate::problem::{Problem, path_parameter};

/// Read a file of the log, as C2SP tlog-tiles lays it out
#[utoipa::path(get, path = "/log/{*tile}", operation_id = "audit_tiles", tag = "audit",
    params(("tile" = String, Path, description = "The file, such as `tile/0/000` or `checkpoint`")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = casemate_api::Problem)))]
pub(crate) async fn tile(
    State(state): State<AppState>,
    From(caller): From,
    Path(tile): Path<String>,
) -> Result<Response, Problem> {
    let path: TilePath = path_parameter("tile", &tile)?;
    let bytes = state.control.log_file(&caller, path).await?;
    let media_type = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, media_type)], bytes).into_response())
}
