//! What is logged, and what never is.

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts to log on standard error what `wanted` lets through.
pub(crate) fn start(wanted: EnvFilter, json: bool, coloured: bool) {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(coloured);
    let logger = tracing_subscriber::registry().with(wanted).with(filter_fn(is_discreet));
    // There is no other logger before this one.
    let _ = if json { logger.with(lines.json()).try_init() } else { logger.with(lines).try_init() };
}

/// Whether something of a library may be logged, whatever `RUST_LOG` asks for: below `info` they write down requests with
/// their headers and queries, in which credentials are. The one behind S3 does so for each refused request as an error.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with("casemate") || *metadata.level() <= Level::INFO && !target.starts_with("s3s")
}
