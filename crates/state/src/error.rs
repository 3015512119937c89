use std::error::Error;

use casemate_fs::FsError;

use crate::failure::Failure;

/// Why a store could not be opened, checked, saved or restored.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory of the database could not be used.
    #[error("the directory of the database cannot be used")]
    Directory(#[source] FsError),
    /// The file is not what SQLite wrote.
    #[error(
        "`{path}` is damaged or not a Casemate database: look with `casemate db check`, then bring back a backup with `casemate db restore FILE`"
    )]
    DamagedFile {
        /// The file.
        path: String,
        /// What SQLite says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database could not be reached or refused to work.
    #[error("cannot {action} the database {place}")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// Which database, without its password.
        place: String,
        /// What the engine says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database's server does not answer.
    #[error("the database {place} cannot be reached")]
    Unreachable {
        /// Which database, without its password.
        place: String,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The URL of the PostgreSQL database cannot be read. It is not repeated, because it may hold a password.
    #[error(
        "the URL of the PostgreSQL database is not one: it looks like postgres://user:password@host/database, and may say \
         sslmode, sslrootcert, sslcert and sslkey after a question mark"
    )]
    Url,
    /// The URL asks for encryption that gives way to none.
    #[error(
        "the URL of the PostgreSQL database asks for an sslmode that gives way to an open wire, and its server is another \
         machine: leave it out for verify-full, or say disable if the way is safe"
    )]
    Fallback,
    /// The engine is too old, or set up in a way in which acknowledged changes could be lost or misread.
    #[error("the database {place} cannot be used: {setting} is {found}, but must be {wanted}")]
    Setting {
        /// Which database.
        place: String,
        /// What is wrong.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A newer Casemate has been here.
    #[error(
        "the database {place} has schema version {found}, but this version of Casemate knows only up to {known}: use the newer one"
    )]
    SchemaNewer {
        /// Which database.
        place: String,
        /// The version found.
        found: u64,
        /// The last version known here.
        known: u64,
    },
    /// A migration that was applied is not the one that this program carries.
    #[error(
        "migration {version} `{name}` was applied to the database {place} with other content than this program has: it comes from a changed build"
    )]
    MigrationEdited {
        /// Which database.
        place: String,
        /// The migration's number.
        version: u64,
        /// Its name.
        name: String,
    },
    /// A migration failed. Its transaction was rolled back, so the schema is as it was.
    #[error(
        "migration {version} `{name}` failed, and the schema of the database {place} is as it was before"
    )]
    Migration {
        /// Which database.
        place: String,
        /// The migration's number.
        version: u64,
        /// Its name.
        name: &'static str,
        /// What the engine says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The operation is for SQLite; PostgreSQL has its own tool for it.
    #[error("{operation} of a PostgreSQL database is done with PostgreSQL's own tools: {instead}")]
    Unsupported {
        /// What was asked for.
        operation: &'static str,
        /// The command to use.
        instead: String,
    },
    /// A database could not be copied.
    #[error("the database cannot be copied")]
    Copy {
        /// The failure underneath.
        #[source]
        source: std::io::Error,
    },
    /// A backup was refused because it is not sound.
    #[error("the backup is not sound, so nothing was replaced: {findings} findings, the first: {first}")]
    UnsoundBackup {
        /// How many findings.
        findings: usize,
        /// The first of them.
        first: String,
    },
}

impl StateError {
    /// Places a failure of `action` on the database `place`.
    pub(crate) fn database(action: &'static str, place: &str, failure: Failure) -> Self {
        match &failure {
            damaged if damaged.is_damage() => {
                Self::DamagedFile { path: place.to_owned(), source: Box::new(failure) }
            }
            Failure::Engine(error)
                if matches!(
                    **error,
                    sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut
                ) =>
            {
                Self::Unreachable { place: place.to_owned(), source: Box::new(failure) }
            }
            _ => Self::Database { action, place: place.to_owned(), source: Box::new(failure) },
        }
    }
}
