//! Saving an SQLite database while it is used, and bringing a copy back.

use std::io;

use casemate_fs::{Dir, File, FsError};
use casemate_model::Clock;

use crate::check::{self, Report};
use crate::engine::{Database, FILE_NAME};
use crate::error::StateError;
use crate::migrations;
use crate::sql::{Statement, statement, values};
use crate::store::Store;

/// Where copies are made and looked at, beside the database: private, and on the same disk.
const SCRATCH: &str = "scratch";
const COPY: &str = "copy.db";

impl Store {
    /// Writes one consistent state of the database to the new file `name` in `target`, mode 0600, while other work
    /// goes on. Returns its size in bytes. Only for SQLite.
    pub async fn backup(&self, target: &Dir, name: &str) -> Result<u64, StateError> {
        let directory = self.database().directory().ok_or_else(|| StateError::Unsupported {
            operation: "a backup",
            instead: "pg_dump --format=custom --file=FILE DATABASE, and pg_restore to bring it back"
                .to_owned(),
        })?;
        let scratch = fresh_scratch(directory)?;
        self.copy_to(&scratch).await?;
        let copy = scratch.open_file(COPY).map_err(StateError::Directory)?;
        let staged = target.stage().map_err(StateError::Directory)?;
        let (staged, size_bytes) = blocking(move || copy_file(copy, staged)).await?;
        clear(directory)?;
        if !staged.commit_new(name).map_err(StateError::Directory)? {
            let path = target.path().join(name);
            return Err(StateError::Directory(FsError::AlreadyExists { path }));
        }
        Ok(size_bytes)
    }

    async fn copy_to(&self, scratch: &Dir) -> Result<(), StateError> {
        let failed = |failure| StateError::database("back up", self.place(), failure);
        // SQLite fills an empty file, and then keeps its mode.
        scratch.create_scratch(COPY).map_err(StateError::Directory)?;
        let mut connection = self.database().connect_writer().await.map_err(failed)?;
        let path = scratch.path().join(COPY).display().to_string();
        connection.sql().execute(&VACUUM_INTO, values![path]).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }
}

/// Puts the database in `backup` in the place of the one in `directory`, whose node must not run: the caller holds
/// the directory's lock. The copy is checked as [`Store::check`] does before anything is replaced, and brought up to
/// date if it is older.
pub async fn restore_sqlite(directory: &Dir, backup: File, clock: &dyn Clock) -> Result<Report, StateError> {
    let scratch = fresh_scratch(directory)?;
    let report = prepare(&scratch, backup, clock).await?;
    if let Some(first) = report.findings.first() {
        let (findings, first) = (report.findings.len(), first.to_string());
        clear(directory)?;
        return Err(StateError::UnsoundBackup { findings, first });
    }
    fold_in_log(directory).await?;
    directory.rename(&format!("{SCRATCH}/{COPY}"), FILE_NAME).map_err(StateError::Directory)?;
    clear(directory)?;
    Ok(report)
}

/// Copies the backup aside, brings it up to date and checks it.
async fn prepare(scratch: &Dir, backup: File, clock: &dyn Clock) -> Result<Report, StateError> {
    let copy = scratch.create_scratch(COPY).map_err(StateError::Directory)?;
    blocking(move || copy_file(backup, copy)).await?;
    let database = Database::sqlite_at(scratch, COPY);
    let failed = |failure| StateError::database("restore", &database.place, failure);
    let mut connection = database.connect_writer().await.map_err(failed)?;
    // A file without our table is another program's, or empty, and must not become ours by a migration.
    connection.sql().rows(&IS_OURS, &[]).await.map_err(failed)?;
    migrations::migrate(&database, &mut connection, clock).await?;
    let report = check::check(connection.sql()).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    let copy = scratch.open_file(COPY).map_err(StateError::Directory)?;
    blocking(move || copy.sync_all().map_err(|source| StateError::Copy { source })).await?;
    Ok(report)
}

/// Ends the present database in good order, so that no write-ahead log of it is left beside the new one: SQLite would
/// take it for the new one's.
async fn fold_in_log(directory: &Dir) -> Result<(), StateError> {
    // One that cannot be opened any more is being replaced for that reason.
    let database = Database::sqlite_at(directory, FILE_NAME);
    if let Ok(mut connection) = database.connect_writer().await {
        let _ = connection.sql().rows(&IS_OURS, &[]).await;
        let _ = connection.close().await;
    }
    for side_file in ["casemate.db-wal", "casemate.db-shm"] {
        directory.remove_file(side_file).map_err(StateError::Directory)?;
    }
    Ok(())
}

/// An empty private directory beside the database.
fn fresh_scratch(directory: &Dir) -> Result<Dir, StateError> {
    clear(directory)?;
    directory.private_subdir(SCRATCH).map_err(StateError::Directory)
}

fn clear(directory: &Dir) -> Result<(), StateError> {
    directory.remove_subdir(SCRATCH).map(drop).map_err(StateError::Directory)
}

fn copy_file<W: io::Write>(mut from: File, mut to: W) -> Result<(W, u64), StateError> {
    let size_bytes = io::copy(&mut from, &mut to).map_err(|source| StateError::Copy { source })?;
    Ok((to, size_bytes))
}

/// Runs file work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

const VACUUM_INTO: Statement = statement!("VACUUM INTO $1");
const IS_OURS: Statement = statement!("SELECT version FROM schema_migrations");
