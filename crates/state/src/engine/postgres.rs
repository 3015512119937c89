use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};

use crate::error::StateError;
use crate::failure::Failure;
use crate::options::StoreLimits;
use crate::sql::{Sql, Statement, statement};
use crate::transport::{Transport, is_loopback};

/// Settings of the session that writes.
///
/// A lock is waited for less long than a change may wait, so that the change is refused for a reason that can be
/// named. A transaction whose node is gone must not hold its locks for ever. A commit must be on disk before it is
/// acknowledged; a server that asks for more than that (a replica's confirmation) is left to it. Every statement finds its rows by an
/// index; a planner that saw the tables when they were empty would read them whole, until somebody analyses them.
const WRITER_SETTINGS: &str = "
    SET lock_timeout = '1500ms';
    SET idle_in_transaction_session_timeout = '30s';
    SET default_transaction_isolation = 'read committed';
    SET enable_seqscan = off;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');
";

/// What a URL may say after its question mark. Others would be told to the log with their values, which may be secrets.
const PARAMETERS: [&str; 9] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "dbname", "user", "password"];

/// How to connect, and how that is protected. Beyond this machine the server must show a certificate for its name, unless the
/// URL says what else will do; `sslmode=disable` says it.
pub(super) fn connect_options(url: &SecretString) -> Result<(PgConnectOptions, Transport), StateError> {
    let url = url.expose_secret();
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(StateError::Url);
    }
    let names = url.split_once('?').map_or("", |(_, query)| query).split('&');
    let mut names = names.filter(|part| !part.is_empty()).map(|part| part.split('=').next().unwrap_or(part));
    let mut says_mode = false;
    if !names.all(|name| {
        says_mode |= name == "sslmode";
        PARAMETERS.contains(&name)
    }) {
        return Err(StateError::Url);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| StateError::Url)?;
    let options = options.application_name("casemate").statement_cache_capacity(256);
    if options.get_socket().is_some() || is_loopback(options.get_host()) {
        return Ok((options, Transport::Local));
    }
    match options.get_ssl_mode() {
        // A variable of the environment chooses nothing here.
        _ if !says_mode => Ok((options.ssl_mode(PgSslMode::VerifyFull), Transport::Verified)),
        PgSslMode::VerifyFull => Ok((options, Transport::Verified)),
        // Any certificate of any public authority would do for it.
        PgSslMode::Require | PgSslMode::VerifyCa => Ok((options, Transport::Unverified)),
        PgSslMode::Disable => Ok((options, Transport::Plain)),
        PgSslMode::Allow | PgSslMode::Prefer => Err(StateError::Fallback),
    }
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
        .connect_lazy_with(
            options.clone().options([("default_transaction_read_only", "on"), ("enable_seqscan", "off")]),
        )
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

/// What the clock of the server says, in milliseconds.
pub(crate) const SERVER_TIME: Statement =
    statement!("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)");

/// Older servers get no security fixes.
const VERSION_MIN: u64 = 130_000;

const SETTINGS: Statement = statement!(
    "SELECT CAST(current_setting('server_version_num') AS BIGINT), current_setting('server_encoding')"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(url: &str) -> Result<(Transport, String), String> {
        let made = connect_options(&SecretString::from(url.to_owned()));
        let (options, transport) = made.map_err(|error| error.to_string())?;
        Ok((transport, format!("{:?}", options.get_ssl_mode())))
    }

    #[test]
    fn beyond_this_machine_the_server_proves_its_name_unless_the_url_says_otherwise() {
        for (url, expected, mode) in [
            ("postgres://u:p@db.example/c", Transport::Verified, "VerifyFull"),
            ("postgresql://u:p@192.0.2.7:5433/c", Transport::Verified, "VerifyFull"),
            ("postgres://u@db.example/c?sslmode=verify-full", Transport::Verified, "VerifyFull"),
            ("postgres://u@db.example/c?sslmode=verify-ca", Transport::Unverified, "VerifyCa"),
            ("postgres://u@db.example/c?sslmode=require", Transport::Unverified, "Require"),
            ("postgres://u@db.example/c?sslmode=disable", Transport::Plain, "Disable"),
            ("postgres://u@ignored/c?host=db.example&sslmode=disable", Transport::Plain, "Disable"),
            ("postgres://u@localhost/c?host=db.example", Transport::Verified, "VerifyFull"),
            ("postgres://u@localhost/c", Transport::Local, "Prefer"),
            ("postgres://u@[::1]:5433/c", Transport::Local, "Prefer"),
            ("postgres://u@127.0.0.9/c?sslmode=verify-full", Transport::Local, "VerifyFull"),
            ("postgres://u@localhost/c?host=/run/postgresql", Transport::Local, "Prefer"),
        ] {
            assert_eq!(transport(url), Ok((expected, mode.to_owned())), "{url}");
        }
    }

    #[test]
    fn what_falls_back_to_an_open_wire_is_refused() {
        for mode in ["prefer", "allow"] {
            let refused = transport(&format!("postgres://u:p@db.example/c?sslmode={mode}")).unwrap_err();
            assert_eq!(refused, StateError::Fallback.to_string());
        }
        for url in ["postgres://db.example/c?sslmod=disable", "postgres://h/c?pasword=x", "mysql://h/c"] {
            assert_eq!(transport(url).unwrap_err(), StateError::Url.to_string(), "{url}");
        }
    }
}
