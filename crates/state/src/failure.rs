use std::error::Error;
use std::sync::Arc;

use casemate_model::StoreError;
use sqlx::error::DatabaseError;

/// Why work on a connection failed. Cloned, because one lost transaction fails many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the database refused or could not be reached")]
    Engine(#[source] Arc<sqlx::Error>),
    #[error("the database refused")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("the number {0} does not fit into a column: at most 2^63 - 1 does")]
    NumberTooLarge(u64),
    #[error("the audit entry cannot be written down")]
    Entry(#[source] Arc<dyn Error + Send + Sync>),
    #[error("the store holds a damaged {what}")]
    Damaged {
        what: &'static str,
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    #[error("another node changed what this change had looked at")]
    Overtaken,
    #[error("the writer of the store has stopped")]
    Stopped,
    #[error("the database did not answer in {waited_ms} ms")]
    Silent { waited_ms: u64 },
}

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Another node was in the way: the same work may succeed at once.
    RunAgain,
    /// The connection is of no more use.
    Reconnect,
    /// Nothing here.
    None,
}

/// A failure as the source of an error that outlives it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl Failure {
    pub(crate) fn damaged(what: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Damaged { what, source: Arc::new(source) }
    }

    pub(crate) fn remedy(&self) -> Remedy {
        let error = match self {
            Self::Engine(error) => error,
            Self::Sqlite(error) => return sqlite_remedy(code_of(error)),
            Self::Overtaken => return Remedy::RunAgain,
            _ => return Remedy::None,
        };
        match &**error {
            sqlx::Error::Database(error) => database_remedy(&**error),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::PoolClosed => Remedy::Reconnect,
            _ => Remedy::None,
        }
    }

    /// Whether the file is damaged, or no database at all.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Engine(error) => is_damage(error),
            Self::Sqlite(error) => code_of(error).is_some_and(is_damage_code),
            _ => false,
        }
    }

    /// Whether the same work may succeed when it is tried again at once.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Silent { .. }) || self.remedy() != Remedy::None
    }

    /// Whether the answer to a COMMIT leaves open if it happened: the connection broke, or the disk did not take it.
    pub(crate) fn leaves_commit_open(&self) -> bool {
        match self {
            Self::Engine(error) => match &**error {
                sqlx::Error::Database(error) => {
                    sqlite_code(&**error) == Some(SQLITE_IOERR) || is_lost_server(&**error)
                }
                _ => true,
            },
            Self::Sqlite(error) => matches!(code_of(error), None | Some(SQLITE_IOERR)),
            Self::Silent { .. } => true,
            _ => false,
        }
    }

    /// The error that a port answers with when `action` failed and nothing was changed.
    pub(crate) fn into_error(self, action: &'static str) -> StoreError {
        match self {
            Self::Damaged { what, source } => StoreError::Damaged { what, source: Box::new(Shared(source)) },
            Self::Engine(error) => {
                let what = (is_damage(&error), is_full(&error));
                refused(action, what, Shared(error))
            }
            Self::Sqlite(error) => {
                let code = code_of(&error);
                let what = (code.is_some_and(is_damage_code), code == Some(SQLITE_FULL));
                refused(action, what, Shared(error))
            }
            other => StoreError::Unavailable { action, source: Box::new(other) },
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Engine(Arc::new(error))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// What a port answers with when the engine refused `action`.
fn refused(action: &'static str, (is_damage, is_full): (bool, bool), source: Shared) -> StoreError {
    let source = Box::new(source);
    match (is_damage, is_full) {
        (true, _) => StoreError::Damaged { what: "database", source },
        (_, true) => StoreError::Full { action, source },
        _ => StoreError::Unavailable { action, source },
    }
}

/// The primary result code of SQLite, if it was SQLite that refused.
fn code_of(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code & 0xff)
}

fn is_damage_code(code: i32) -> bool {
    matches!(code, SQLITE_CORRUPT | SQLITE_NOTADB)
}

fn sqlite_remedy(code: Option<i32>) -> Remedy {
    match code {
        Some(SQLITE_BUSY | SQLITE_LOCKED) => Remedy::RunAgain,
        _ => Remedy::None,
    }
}

/// Whether SQLite says that the file is damaged or no database at all.
fn is_damage(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlite_code).is_some_and(is_damage_code)
}

/// Whether the disk of the database, or what the database may use of it, is full.
fn is_full(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    // PostgreSQL's class 53 is `insufficient resources`, 53100 its disk.
    sqlite_code(error) == Some(SQLITE_FULL) || error.code().as_deref() == Some("53100")
}

fn database_remedy(error: &dyn DatabaseError) -> Remedy {
    if let Some(code) = sqlite_code(error) {
        return sqlite_remedy(Some(code));
    }
    if is_lost_server(error) {
        return Remedy::Reconnect;
    }
    match error.code().as_deref() {
        // Serialization failure, deadlock, and a row that another node inserted first.
        Some("40001" | "40P01" | "23505") => Remedy::RunAgain,
        // Another node holds a lock for longer than we wait.
        Some("55P03") => Remedy::RunAgain,
        _ => Remedy::None,
    }
}

/// The primary result code, if the error is SQLite's.
fn sqlite_code(error: &dyn DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    Some(error.code()?.parse::<i32>().ok()? & 0xff)
}

/// PostgreSQL's connection exceptions, and its word for being shut down.
fn is_lost_server(error: &dyn DatabaseError) -> bool {
    let error = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
    error.is_some_and(|error| error.code().starts_with("08") || error.code().starts_with("57P"))
}

// Primary result codes of SQLite, from its documentation.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_NOTADB: i32 = 26;
