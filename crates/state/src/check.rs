//! Looking for damage: what the engine finds, and what only Casemate can know.

mod counts;
mod log;
mod names;
mod records;
mod sizes;

use std::fmt;

use casemate_objects::BlobId;

use crate::error::StateError;
use crate::failure::Failure;
use crate::migrations;
use crate::sql::{Dialect, Sql, Statement, statement};
use crate::store::Store;

/// Most findings that are listed; a thoroughly damaged store has no use for more.
const FINDINGS_MAX: usize = 1000;

/// Rows that are read at a time.
const STEP: u32 = 1000;

/// What a check found. Nothing, if all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings, at most 1000.
    pub findings: Vec<Finding>,
    /// Whether there were more.
    pub truncated: bool,
    /// Rows that were looked at.
    pub rows: u64,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The engine's own check complains.
    Engine {
        /// Its words.
        text: String,
    },
    /// A row cannot be read as what it should be.
    Record {
        /// The kind of row.
        what: &'static str,
        /// Which one, and what is wrong.
        text: String,
    },
    /// The audit log is not the chain that it was.
    Log {
        /// The node whose log it is.
        origin: String,
        /// The sequence number where it breaks.
        sequence: u64,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A blob is referred to more or less often than its row says.
    References {
        /// The blob.
        blob: BlobId,
        /// What the row says; `None` if there is no row.
        stored: Option<u64>,
        /// What was counted.
        counted: u64,
    },
    /// A counter says something else than counting does.
    Counter {
        /// What is counted, and of what.
        what: String,
        /// What the counter says.
        stored: u64,
        /// What was counted.
        counted: u64,
    },
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine { text } => write!(f, "the database engine reports: {text}"),
            Self::Record { what, text } => write!(f, "a damaged {what}: {text}"),
            Self::Log { origin, sequence, problem } => {
                write!(f, "the log of `{origin}` breaks at entry {sequence}: {problem}")
            }
            Self::References { blob, stored: None, counted } => {
                write!(f, "the blob {blob} is referred to {counted} times but not written down")
            }
            Self::References { blob, stored: Some(stored), counted } => {
                write!(f, "the blob {blob} is referred to {counted} times, but its row says {stored}")
            }
            Self::Counter { what, stored, counted } => {
                write!(f, "the counter of {what} says {stored}, but there are {counted}")
            }
        }
    }
}

impl Store {
    /// Looks at every row. Reads one consistent state and changes nothing; other work goes on meanwhile.
    pub async fn check(&self) -> Result<Report, StateError> {
        let failed = |failure| StateError::database("check", self.place(), failure);
        // Not one of the readers: if the caller gives up, the transaction must end, and it does with its connection.
        let mut connection = self.database().connect_writer().await.map_err(failed)?;
        migrations::check_schema(self.database(), &mut connection.sql()).await?;
        let report = check(connection.sql()).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok(report)
    }
}

/// The findings as they come up.
#[derive(Default)]
struct Findings {
    report: Report,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        } else {
            self.report.truncated = true;
        }
    }

    /// Notes what a row should have been and what reading it said.
    fn add_damage(&mut self, failure: &Failure) {
        let mut text = String::new();
        let mut error: Option<&dyn std::error::Error> = std::error::Error::source(failure);
        while let Some(cause) = error {
            text = if text.is_empty() { cause.to_string() } else { format!("{text}: {cause}") };
            error = cause.source();
        }
        let what = match failure {
            Failure::Damaged { what, .. } => what,
            _ => "row",
        };
        self.add(Finding::Record { what, text });
    }
}

pub(crate) async fn check(mut sql: Sql<'_>) -> Result<Report, Failure> {
    sql.execute(&BEGIN, &[]).await?;
    let checked = check_all(&mut sql).await;
    sql.execute(&statement!("ROLLBACK"), &[]).await?;
    checked
}

/// Starts a transaction that sees one state of everything.
const BEGIN: Statement =
    Statement { sqlite: "BEGIN", postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };

async fn check_all(sql: &mut Sql<'_>) -> Result<Report, Failure> {
    let mut findings = Findings::default();
    if sql.dialect() == Dialect::Sqlite {
        check_engine(sql, &mut findings).await?;
    }
    let counted = records::check(sql, &mut findings).await?;
    counts::check(sql, counted, &mut findings).await?;
    sizes::check(sql, &mut findings).await?;
    log::check(sql, &mut findings).await?;
    Ok(findings.report)
}

/// SQLite's own checks of its pages, indexes, constraints and foreign keys.
async fn check_engine(sql: &mut Sql<'_>, findings: &mut Findings) -> Result<(), Failure> {
    for row in sql.rows(&statement!("PRAGMA integrity_check(100)"), &[]).await? {
        let text: String = row.only("finding")?;
        if text != "ok" {
            findings.add(Finding::Engine { text });
        }
    }
    let orphans = statement!("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 100");
    for row in sql.rows(&orphans, &[]).await? {
        let mut columns = row.read("finding");
        let (table, parent): (String, String) = (columns.next()?, columns.next()?);
        findings.add(Finding::Engine {
            text: format!("a row of {table} refers to a row of {parent} that is missing"),
        });
    }
    Ok(())
}
