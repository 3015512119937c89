use std::path::Path;
use std::time::Duration;

use casemate_fs::{Dir, FsError};
use rusqlite::{Connection, OpenFlags};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::StateError;
use crate::options::StoreLimits;
use crate::sql::{Sql, Statement, statement};

/// The name of the database in its directory.
pub(crate) const FILE_NAME: &str = "casemate.db";

/// How long to wait for a lock that somebody outside holds, such as an operator's shell. Less than the time that a
/// change may wait, so that the change is refused for a reason that can be named.
const BUSY_WAIT_MAX: Duration = Duration::from_millis(1500);

/// To what size the write-ahead log is cut back once it has been longer.
const WAL_BYTES_KEPT: &str = "67108864";

/// Pages of the database that the writer keeps, in KiB: what a transaction of many changes touches is written once, at its end.
const CACHE_KIB: u32 = 32 << 10;

/// Pages in the write-ahead log after which they are copied into the database, which is synced then: 32 MiB.
const CHECKPOINT_PAGES: u32 = 8_192;

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS_KEPT: usize = 512;

/// Makes the file when absent, so that SQLite, which would ask only the umask, never chooses its mode. Its side
/// files take the mode from it.
pub(super) fn prepare_file(directory: &Dir) -> Result<(), StateError> {
    match directory.create_new(FILE_NAME, b"") {
        Ok(()) | Err(FsError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(StateError::Directory(error)),
    }
}

/// What every connection has, whatever it is for.
fn file_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT_MAX)
        // A schema that somebody else put into the file must not be able to call functions with side effects.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        // A file that shrinks under a mapping is a signal; read calls give an error.
        .pragma("mmap_size", "0")
        .statement_cache_capacity(STATEMENTS_KEPT)
}

pub(super) fn writer_options(path: &Path) -> SqliteConnectOptions {
    file_options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_BYTES_KEPT)
}

/// The writer's connection, with the same settings.
pub(super) fn open_direct(path: &Path) -> rusqlite::Result<Connection> {
    // As SQLite's own locks are not needed: it stays with one thread.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.execute_batch(&format!(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; \
         PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {WAL_BYTES_KEPT}; \
         PRAGMA cache_size = -{CACHE_KIB}; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
    ))?;
    Ok(connection)
}

pub(super) fn readers(writer: &SqliteConnectOptions, limits: &StoreLimits) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(limits.readers)
        .acquire_timeout(limits.read_wait_max)
        // Asking an embedded library if it is still there costs as much as the query.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(file_options(writer.get_filename()).pragma("query_only", "ON"))
}

/// Reads back what decides if an acknowledged change survives a power loss.
pub(super) async fn check_settings(mut sql: Sql<'_>, place: &str) -> Result<(), StateError> {
    // (what it is called, how to ask, what it must be)
    let wanted: [(&'static str, Statement, &'static str); 3] = [
        ("journal_mode", statement!("PRAGMA journal_mode"), "wal"),
        ("synchronous", statement!("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous"), "2"),
        ("foreign_keys", statement!("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys"), "1"),
    ];
    for (setting, question, wanted) in wanted {
        let row =
            sql.row(&question, &[]).await.map_err(|failure| StateError::database("open", place, failure))?;
        let found = row.map(|row| row.only::<String>("setting")).transpose();
        let found =
            found.map_err(|failure| StateError::database("open", place, failure))?.unwrap_or_default();
        if found != wanted {
            return Err(StateError::Setting { place: place.to_owned(), setting, found, wanted });
        }
    }
    check_version(sql, place).await
}

/// Older versions could lose committed data when a write-ahead log was reset (mended in 3.51.3).
async fn check_version(mut sql: Sql<'_>, place: &str) -> Result<(), StateError> {
    let database = |failure| StateError::database("open", place, failure);
    let row = sql.row(&statement!("SELECT sqlite_version()"), &[]).await.map_err(database)?;
    let found =
        row.map(|row| row.only::<String>("version")).transpose().map_err(database)?.unwrap_or_default();
    let mut numbers = found.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) < (3, 51, 3) {
        let wanted = "at least 3.51.3";
        return Err(StateError::Setting {
            place: place.to_owned(),
            setting: "the version of SQLite",
            found,
            wanted,
        });
    }
    Ok(())
}
