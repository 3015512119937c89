use casemate_ledger::Entry;
use casemate_model::Digest;

use super::{Finding, Findings, STEP};
use crate::change::Head;
use crate::failure::Failure;
use crate::sql::{Row, Sql, Statement, statement, values};

/// Follows the chain of every log from its first entry to its head.
pub(super) async fn check(sql: &mut Sql<'_>, findings: &mut Findings) -> Result<(), Failure> {
    for row in sql.rows(&HEADS, values![HEADS_MAX]).await? {
        let mut columns = row.read("log head");
        let origin: String = columns.next()?;
        let end = Head { next_sequence: columns.next()?, digest: columns.next()? };
        check_log(sql, &origin, end, findings).await?;
    }
    Ok(())
}

/// Most logs of one database, that is nodes that ever used it.
const HEADS_MAX: u32 = 10_000;

async fn check_log(
    sql: &mut Sql<'_>,
    origin: &str,
    end: Head,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let broken = |sequence, problem| Finding::Log { origin: origin.to_owned(), sequence, problem };
    let mut at = Head { next_sequence: 0, digest: Entry::NO_PREVIOUS };
    loop {
        let rows = sql.rows(&ENTRIES, values![origin, at.next_sequence, STEP]).await?;
        if rows.is_empty() {
            break;
        }
        findings.report.rows += rows.len() as u64;
        for row in rows {
            match follow(row, at) {
                Ok(next) => at = next,
                // What comes after a break cannot be judged.
                Err(problem) => {
                    findings.add(broken(at.next_sequence, problem));
                    return Ok(());
                }
            }
        }
    }
    if at != end {
        findings
            .add(broken(at.next_sequence.min(end.next_sequence), "the log does not end where its head says"));
    }
    Ok(())
}

/// Checks one entry against the place where the log stands, and returns the next place.
fn follow(row: Row, at: Head) -> Result<Head, &'static str> {
    let mut columns = row.read("audit entry");
    let sequence: u64 = columns.next().map_err(|_| "the row cannot be read")?;
    let stored: Digest = columns.next().map_err(|_| "the row cannot be read")?;
    let bytes: Vec<u8> = columns.next().map_err(|_| "the row cannot be read")?;
    if sequence != at.next_sequence {
        return Err("the entry is missing");
    }
    let entry = Entry::decode(&bytes).map_err(|_| "the entry cannot be read")?;
    let digest = Entry::digest_of(&bytes);
    if digest != stored {
        return Err("the entry's bytes are not those that were written");
    }
    if entry.sequence != sequence || entry.previous != at.digest {
        return Err("the entry does not follow from the one before it");
    }
    Ok(Head { next_sequence: sequence + 1, digest })
}

const HEADS: Statement =
    statement!("SELECT origin, next_sequence, digest FROM log_heads ORDER BY origin LIMIT $1");
const ENTRIES: Statement = statement!(
    "SELECT sequence, digest, bytes FROM log_entries WHERE origin = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3"
);
