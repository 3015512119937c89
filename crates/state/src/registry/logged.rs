//! Versions of names as a log has them, for telling others.

use crate::sql::{Statement, statement};

/// Versions that are their names' newest, in the order of a log.
pub(super) const LOGGED_CHANGES: Statement = statement!(
    "SELECT record, origin, entry FROM name_versions AS one WHERE origin = $1 AND entry >= $2 AND record IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM name_versions AS later WHERE later.name = one.name AND later.sequence = one.sequence + 1) \
     ORDER BY entry LIMIT $3"
);
/// Changes of names, in the order of a log.
pub(super) const CHANGES_IN: Statement = statement!(
    "SELECT name, kind, entry FROM name_versions WHERE origin = $1 AND entry >= $2 AND record IS NOT NULL \
     ORDER BY entry LIMIT $3"
);
/// The logs of other nodes with the same database.
pub(super) const LOGS_ELSEWHERE: Statement =
    statement!("SELECT origin, next_sequence FROM log_heads WHERE origin <> $1 ORDER BY origin LIMIT $2");
/// The newest versions of names that are held.
pub(super) const LOGGED_HELD: Statement = statement!(
    "SELECT version.record, version.origin, version.entry FROM names AS one JOIN name_versions AS version \
     ON version.name = one.name AND version.sequence = one.sequence WHERE one.name > $1 AND version.record IS NOT NULL \
     ORDER BY one.name LIMIT $2"
);
