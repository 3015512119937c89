use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use crate::error::StateError;
use crate::failure::Failure;
use crate::options::StoreLimits;
use crate::sql::{Sql, Statement, statement};

/// Settings of the session that writes.
///
/// A lock is waited for less long than a change may wait, so that the change is refused for a reason that can be
/// named. A transaction whose node is gone must not hold its locks for ever. A commit must be on disk before it is
/// acknowledged; a server that asks for more than that (a replica's confirmation) is left to it.
const WRITER_SETTINGS: &str = "
    SET lock_timeout = '1500ms';
    SET idle_in_transaction_session_timeout = '30s';
    SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');
";

pub(super) fn connect_options(url: &SecretString) -> Result<PgConnectOptions, StateError> {
    let url = url.expose_secret();
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(StateError::Url);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| StateError::Url)?;
    Ok(options.application_name("casemate").statement_cache_capacity(256))
}

/// What messages call the database.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("`{database}` on {}:{}", options.get_host(), options.get_port())
}

pub(super) async fn connect_writer(options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(WRITER_SETTINGS).execute(&mut connection).await?;
    Ok(connection)
}

pub(super) fn readers(options: &PgConnectOptions, limits: &StoreLimits) -> PgPool {
    PgPoolOptions::new()
        .max_connections(limits.readers)
        .acquire_timeout(limits.read_wait_max)
        .connect_lazy_with(options.clone().options([("default_transaction_read_only", "on")]))
}

/// Checks what decides if text and acknowledged changes come back as they were.
pub(super) async fn check_settings(mut sql: Sql<'_>, place: &str) -> Result<(), StateError> {
    let database = |failure| StateError::database("open", place, failure);
    let row = sql.row(&SETTINGS, &[]).await.map_err(database)?;
    let Some(row) = row else {
        return Ok(());
    };
    let mut columns = row.read("settings");
    let version: u64 = columns.next().map_err(database)?;
    let encoding: String = columns.next().map_err(database)?;
    let bad =
        |setting, found, wanted| StateError::Setting { place: place.to_owned(), setting, found, wanted };
    if version < VERSION_MIN {
        return Err(bad("the version of PostgreSQL", version.to_string(), "at least 130000, that is 13"));
    }
    if encoding != "UTF8" {
        return Err(bad("server_encoding", encoding, "UTF8"));
    }
    Ok(())
}

/// Older servers get no security fixes.
const VERSION_MIN: u64 = 130_000;

const SETTINGS: Statement = statement!(
    "SELECT CAST(current_setting('server_version_num') AS BIGINT), current_setting('server_encoding')"
);
