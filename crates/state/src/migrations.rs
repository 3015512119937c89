//! The schema's history, and bringing a database up to date with it. See `migrations/README.md`.

use casemate_model::{Clock, Digest};

use crate::engine::{Connection, Database};
use crate::error::StateError;
use crate::failure::Failure;
use crate::sql::{Dialect, Sql, Statement, statement, values};

struct Migration {
    version: u64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// In the order of their versions, which count from 1 without gaps.
const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_foundation"),
    migration!(2, "0002_packed_blobs"),
    migration!(3, "0003_buckets_and_versions"),
    migration!(4, "0004_bucket_figures"),
    migration!(5, "0005_versions_by_content"),
    migration!(6, "0006_blobs_of_projects"),
    migration!(7, "0007_bytes_of_uploads"),
    migration!(8, "0008_users_and_roles"),
    migration!(9, "0009_limit_overrides"),
    migration!(10, "0010_idempotency_keys"),
    migration!(11, "0011_peppers"),
    migration!(12, "0012_second_factors"),
    migration!(13, "0013_webhooks"),
    migration!(14, "0014_makers_of_invitations"),
    migration!(15, "0015_plans_of_tasks"),
    migration!(16, "0016_needs_of_tasks"),
    migration!(17, "0017_nodes"),
    migration!(18, "0018_replicas_of_tasks"),
    migration!(19, "0019_checks_of_results"),
    migration!(20, "0020_functions"),
    migration!(21, "0021_schedules"),
    migration!(22, "0022_relays"),
    migration!(23, "0023_proofs"),
    migration!(24, "0024_values_of_functions"),
    migration!(25, "0025_names_told_apart"),
    migration!(26, "0026_terms_of_names"),
    migration!(27, "0027_peers"),
    migration!(28, "0028_commitments"),
    migration!(29, "0029_looks_without_capitals"),
];

/// The version that this program brings a database to.
pub(crate) const SCHEMA_VERSION: u64 = MIGRATIONS.len() as u64;

/// Two nodes that start at once on one PostgreSQL database take turns by this advisory lock. It is waited for longer than
/// locks of rows, as the other node may have much to move.
const MIGRATE_LOCK: &str = "SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(7310031); \
                            SET LOCAL lock_timeout = '1500ms'";

/// Applies the migrations that are missing, each in its own transaction.
pub(crate) async fn migrate(
    database: &Database,
    connection: &mut Connection,
    clock: &dyn Clock,
) -> Result<(), StateError> {
    let failed = |failure| StateError::database("migrate", &database.place, failure);
    loop {
        begin(connection.sql()).await.map_err(failed)?;
        let done = next_migration(database, connection.sql(), clock).await;
        let ending = if done.is_ok() { &COMMIT } else { &ROLLBACK };
        connection.sql().execute(ending, &[]).await.map_err(failed)?;
        if done? == Done::All {
            return Ok(());
        }
    }
}

/// Checks that the schema is exactly the one that this program works with, and changes nothing.
pub(crate) async fn check_schema(database: &Database, sql: &mut Sql<'_>) -> Result<(), StateError> {
    let applied =
        applied(sql).await.map_err(|failure| StateError::database("read", &database.place, failure))?;
    check_history(database, &applied, sql.dialect())
}

#[derive(PartialEq, Eq)]
enum Done {
    One,
    All,
}

struct Applied {
    version: u64,
    name: String,
    digest: Digest,
}

impl Migration {
    const fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

async fn begin(mut sql: Sql<'_>) -> Result<(), Failure> {
    match sql.dialect() {
        Dialect::Sqlite => sql.execute(&statement!("BEGIN IMMEDIATE"), &[]).await?,
        Dialect::Postgres => {
            sql.execute(&statement!("BEGIN"), &[]).await?;
            sql.script(MIGRATE_LOCK).await?;
            0
        }
    };
    Ok(())
}

async fn next_migration(
    database: &Database,
    mut sql: Sql<'_>,
    clock: &dyn Clock,
) -> Result<Done, StateError> {
    let dialect = sql.dialect();
    let failed = |failure| StateError::database("migrate", &database.place, failure);
    sql.execute(&CREATE_HISTORY, &[]).await.map_err(failed)?;
    let applied = applied(&mut sql).await.map_err(failed)?;
    check_history(database, &applied, dialect)?;
    let Some(next) = MIGRATIONS.get(applied.len()) else {
        return Ok(Done::All);
    };
    let applying = async {
        sql.script(next.text(dialect)).await?;
        let digest = Digest::of(next.text(dialect).as_bytes());
        sql.execute(&INSERT_APPLIED, values![next.version, next.name, digest, clock.now()]).await
    };
    applying.await.map_err(|failure| StateError::Migration {
        place: database.place.clone(),
        version: next.version,
        name: next.name,
        source: Box::new(failure),
    })?;
    tracing::info!(version = next.version, name = next.name, "applied a migration");
    Ok(Done::One)
}

async fn applied(sql: &mut Sql<'_>) -> Result<Vec<Applied>, Failure> {
    let rows = sql.rows(&SELECT_APPLIED, &[]).await?;
    rows.into_iter()
        .map(|row| {
            let mut columns = row.read("migration");
            Ok(Applied { version: columns.next()?, name: columns.next()?, digest: columns.next()? })
        })
        .collect()
}

/// Checks that what was applied is a beginning of what this program carries.
fn check_history(database: &Database, applied: &[Applied], dialect: Dialect) -> Result<(), StateError> {
    let place = || database.place.clone();
    if let Some(newest) = applied.last().filter(|newest| newest.version > SCHEMA_VERSION) {
        return Err(StateError::SchemaNewer { place: place(), found: newest.version, known: SCHEMA_VERSION });
    }
    for (index, found) in applied.iter().enumerate() {
        let same = MIGRATIONS.get(index).is_some_and(|ours| {
            (ours.version, ours.name) == (found.version, found.name.as_str())
                && Digest::of(ours.text(dialect).as_bytes()) == found.digest
        });
        if !same {
            let (version, name) = (found.version, found.name.clone());
            return Err(StateError::MigrationEdited { place: place(), version, name });
        }
    }
    Ok(())
}

const COMMIT: Statement = statement!("COMMIT");
const ROLLBACK: Statement = statement!("ROLLBACK");
const CREATE_HISTORY: Statement = Statement {
    sqlite: "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
             digest BLOB NOT NULL, applied_at INTEGER NOT NULL) STRICT",
    postgres: "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
               digest BYTEA NOT NULL, applied_at BIGINT NOT NULL)",
};
const SELECT_APPLIED: Statement =
    statement!("SELECT version, name, digest FROM schema_migrations ORDER BY version");
const INSERT_APPLIED: Statement =
    statement!("INSERT INTO schema_migrations (version, name, digest, applied_at) VALUES ($1, $2, $3, $4)");
