//! Where the database is, and connections to it.

mod postgres;
mod sqlite;

use std::path::PathBuf;
use std::time::Duration;

use casemate_fs::Dir;
use secrecy::SecretString;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool};

use crate::error::StateError;
use crate::failure::Failure;
use crate::options::{PostgresOptions, SqliteOptions, StoreLimits};
use crate::sql::{Dialect, Row, Sql, Statement, Value};
use crate::transport::Transport;

pub(crate) use postgres::SERVER_TIME;
pub(crate) use sqlite::FILE_NAME;

/// How what is sent to the database at `url` is protected on its way.
pub fn postgres_transport(url: &SecretString) -> Result<Transport, StateError> {
    postgres::connect_options(url).map(|(_, transport)| transport)
}

/// How long opening a connection may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_millis(1500);

/// Where a database is.
#[derive(Clone)]
pub(crate) struct Database {
    /// What messages call it; never with a password.
    pub(crate) place: String,
    /// Whose log is written.
    pub(crate) origin: String,
    target: Target,
}

#[derive(Clone)]
enum Target {
    Sqlite { path: PathBuf, options: SqliteConnectOptions, directory: Dir },
    Postgres(PgConnectOptions),
}

/// A connection of our own.
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    /// For the thread of the writer alone, as each call blocks.
    Direct(rusqlite::Connection),
    Postgres(PgConnection),
}

/// Connections that only read.
pub(crate) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    pub(crate) fn sqlite(options: &SqliteOptions) -> Result<Self, StateError> {
        sqlite::prepare_file(&options.directory)?;
        Ok(Self::sqlite_at(&options.directory, FILE_NAME))
    }

    /// A file that is there.
    pub(crate) fn sqlite_at(directory: &Dir, name: &str) -> Self {
        let path = directory.path().join(name);
        let place = path.display().to_string();
        let options = sqlite::writer_options(&path);
        let target = Target::Sqlite { path, options, directory: directory.clone() };
        // The file is the node's own, so its log needs no name among others.
        Self { place, origin: "node".to_owned(), target }
    }

    pub(crate) fn postgres(options: &PostgresOptions) -> Result<Self, StateError> {
        let (target, _) = postgres::connect_options(&options.url)?;
        let place = postgres::place(&target);
        Ok(Self { place, origin: options.origin.clone(), target: Target::Postgres(target) })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.target {
            Target::Sqlite { .. } => Dialect::Sqlite,
            Target::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The directory of an SQLite file.
    pub(crate) fn directory(&self) -> Option<&Dir> {
        match &self.target {
            Target::Sqlite { directory, .. } => Some(directory),
            Target::Postgres(_) => None,
        }
    }

    /// Opens the connection that the writer makes changes on. With SQLite that blocks for a moment, as all that is done on it.
    pub(crate) async fn connect_direct(&self) -> Result<Connection, Failure> {
        match &self.target {
            Target::Sqlite { path, .. } => Ok(Connection::Direct(sqlite::open_direct(path)?)),
            Target::Postgres(_) => self.connect_writer().await,
        }
    }

    /// Opens a connection that changes the database beside the writer's: for what is done to it as a whole.
    pub(crate) async fn connect_writer(&self) -> Result<Connection, Failure> {
        let connecting = async {
            Ok(match &self.target {
                Target::Sqlite { options, .. } => {
                    Connection::Sqlite(SqliteConnection::connect_with(options).await?)
                }
                Target::Postgres(options) => Connection::Postgres(postgres::connect_writer(options).await?),
            })
        };
        within(CONNECT_WAIT_MAX, connecting).await
    }

    /// Checks that acknowledged changes will last and read back as they were.
    pub(crate) async fn check_settings(&self, connection: &mut Connection) -> Result<(), StateError> {
        match connection.sql() {
            sql @ (Sql::Sqlite(_) | Sql::Direct(_)) => sqlite::check_settings(sql, &self.place).await,
            sql @ Sql::Postgres(_) => postgres::check_settings(sql, &self.place).await,
        }
    }

    /// Makes the pool of readers. Connections are opened when they are needed.
    pub(crate) fn readers(&self, limits: &StoreLimits) -> Readers {
        match &self.target {
            Target::Sqlite { options, .. } => Readers::Sqlite(sqlite::readers(options, limits)),
            Target::Postgres(options) => Readers::Postgres(postgres::readers(options, limits)),
        }
    }
}

impl Connection {
    pub(crate) fn sql(&mut self) -> Sql<'_> {
        match self {
            Self::Sqlite(connection) => Sql::Sqlite(connection),
            Self::Direct(connection) => Sql::Direct(connection),
            Self::Postgres(connection) => Sql::Postgres(connection),
        }
    }

    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Direct(connection) => connection.close().map_err(|(_, error)| error)?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

impl Readers {
    /// Runs one reading statement.
    pub(crate) async fn rows(&self, statement: &Statement, values: &[Value]) -> Result<Vec<Row>, Failure> {
        match self {
            Self::Sqlite(pool) => Sql::Sqlite(&mut *pool.acquire().await?).rows(statement, values).await,
            Self::Postgres(pool) => Sql::Postgres(&mut *pool.acquire().await?).rows(statement, values).await,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Gives `work` so much time and no more.
pub(crate) async fn within<T>(
    wait_max: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let waited_ms = u64::try_from(wait_max.as_millis()).unwrap_or(u64::MAX);
    tokio::time::timeout(wait_max, work).await.unwrap_or(Err(Failure::Silent { waited_ms }))
}
