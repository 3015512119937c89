use std::sync::Arc;

use casemate_model::test_support::ManualClock;
use casemate_state::{PostgresOptions, SqliteOptions, StateError, Store, StoreLimits};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use crate::context::{open_postgres, open_sqlite, private_dir, run, with_postgres};

/// Tables with their columns, and the indexes that were made by name.
#[derive(Debug, PartialEq, Eq)]
struct Schema {
    columns: Vec<(String, String)>,
    indexes: Vec<String>,
}

async fn sqlite_at(directory: &casemate_fs::Dir) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", directory.path().join("casemate.db").display()))
        .await
        .unwrap()
}

async fn sqlite_schema(connection: &mut SqliteConnection) -> Schema {
    let columns = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2";
    let indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
    let columns = sqlx::query(columns).fetch_all(&mut *connection).await.unwrap();
    let indexes = sqlx::query(indexes).fetch_all(connection).await.unwrap();
    Schema {
        columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
        indexes: indexes.iter().map(|row| row.get(0)).collect(),
    }
}

async fn postgres_schema(connection: &mut PgConnection) -> Schema {
    let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns \
                   WHERE table_schema = 'public' ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\"";
    let indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' \
                   AND indexname NOT LIKE '%\\_pkey' ORDER BY indexname COLLATE \"C\"";
    let columns = sqlx::query(columns).fetch_all(&mut *connection).await.unwrap();
    let indexes = sqlx::query(indexes).fetch_all(connection).await.unwrap();
    Schema {
        columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
        indexes: indexes.iter().map(|row| row.get(0)).collect(),
    }
}

#[test]
fn both_engines_have_the_same_schema_and_migrating_again_changes_nothing() {
    with_postgres(|server| async move {
        let scratch = tempfile::tempdir().unwrap();
        let (directory, url) = (private_dir(&scratch), server.fresh_database().await);
        let mut schemas = Vec::new();
        for _ in 0..2 {
            let clock = Arc::new(ManualClock::new());
            open_sqlite(&directory, Arc::clone(&clock)).await.close().await;
            open_postgres(url.clone(), "one", clock).await.close().await;
            schemas.push(sqlite_schema(&mut sqlite_at(&directory).await).await);
            schemas
                .push(postgres_schema(&mut PgConnection::connect(url.expose_secret()).await.unwrap()).await);
        }
        assert!(schemas[0].columns.contains(&("objects".to_owned(), "project".to_owned())), "{schemas:?}");
        for schema in &schemas[1..] {
            assert_eq!(*schema, schemas[0]);
        }
    });
}

async fn open_sqlite_again(directory: &casemate_fs::Dir) -> StateError {
    let clock = Arc::new(ManualClock::new());
    let options = SqliteOptions { directory: directory.clone(), clock, limits: StoreLimits::DEFAULT };
    Store::open_sqlite(options).await.err().expect("it is refused")
}

async fn open_postgres_again(url: &SecretString) -> StateError {
    let clock = Arc::new(ManualClock::new());
    let options =
        PostgresOptions { url: url.clone(), origin: "one".to_owned(), clock, limits: StoreLimits::DEFAULT };
    Store::open_postgres(options).await.err().expect("it is refused")
}

const NEWER_SQLITE: &str = "INSERT INTO schema_migrations VALUES (9999, '9999_future', zeroblob(32), 0)";
const NEWER_POSTGRES: &str =
    "INSERT INTO schema_migrations VALUES (9999, '9999_future', decode(repeat('00', 32), 'hex'), 0)";
const EDIT_SQLITE: &str = "UPDATE schema_migrations SET digest = zeroblob(32) WHERE version = 1";
const EDIT_POSTGRES: &str =
    "UPDATE schema_migrations SET digest = decode(repeat('00', 32), 'hex') WHERE version = 1";

fn is_newer(error: &StateError) -> bool {
    matches!(error, StateError::SchemaNewer { found: 9999, .. })
}

fn is_edited(error: &StateError) -> bool {
    matches!(error, StateError::MigrationEdited { version: 1, name, .. } if name == "0001_foundation")
}

#[test]
fn a_newer_schema_and_an_edited_history_are_refused_on_sqlite() {
    run(async {
        let scratch = tempfile::tempdir().unwrap();
        let directory = private_dir(&scratch);
        open_sqlite(&directory, Arc::new(ManualClock::new())).await.close().await;
        let mut other = sqlite_at(&directory).await;
        sqlx::raw_sql(NEWER_SQLITE).execute(&mut other).await.unwrap();
        let error = open_sqlite_again(&directory).await;
        assert!(is_newer(&error), "{error:?}");
        sqlx::raw_sql("DELETE FROM schema_migrations WHERE version = 9999")
            .execute(&mut other)
            .await
            .unwrap();
        sqlx::raw_sql(EDIT_SQLITE).execute(&mut other).await.unwrap();
        let error = open_sqlite_again(&directory).await;
        assert!(is_edited(&error), "{error:?}");
    });
}

#[test]
fn a_newer_schema_and_an_edited_history_are_refused_on_postgres() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        open_postgres(url.clone(), "one", Arc::new(ManualClock::new())).await.close().await;
        let mut other = PgConnection::connect(url.expose_secret()).await.unwrap();
        sqlx::raw_sql(NEWER_POSTGRES).execute(&mut other).await.unwrap();
        let error = open_postgres_again(&url).await;
        assert!(is_newer(&error), "{error:?}");
        sqlx::raw_sql("DELETE FROM schema_migrations WHERE version = 9999")
            .execute(&mut other)
            .await
            .unwrap();
        sqlx::raw_sql(EDIT_POSTGRES).execute(&mut other).await.unwrap();
        let error = open_postgres_again(&url).await;
        assert!(is_edited(&error), "{error:?}");
    });
}

#[test]
fn two_nodes_that_start_at_once_migrate_once() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let opens = ["one", "two", "three"].map(|origin| open_postgres(url.clone(), origin, Arc::default()));
        for store in futures_util::future::join_all(opens).await {
            store.close().await;
        }
    });
}

#[test]
fn a_bad_url_is_refused_without_being_repeated() {
    run(async {
        for url in ["mysql://user:secret@host/db", "postgres://user:secret@host:port/db", "", "secret"] {
            let error = open_postgres_again(&url.into()).await;
            assert!(matches!(error, StateError::Url), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    });
}

/// What two projects have of one piece of content, of a base and a difference, before content belonged to projects.
fn shared_content(bytes: impl Fn(u8) -> String) -> String {
    let hex = |digit: u8| format!("sha256:{}", format!("{digit:02x}").repeat(32));
    let (module, base, difference, output) = (bytes(1), bytes(2), bytes(3), bytes(4));
    let spec = format!(
        r#"{{"module":"{m}","stdin":"{m}","inputs":[["a","{d}"],["b","{d}"]]}}"#,
        m = hex(1),
        d = hex(3)
    );
    let result =
        format!(r#"{{"stdout":"{o}","stderr":null,"outputs":[{{"digest":"{m}"}}]}}"#, o = hex(4), m = hex(1));
    let object = |project: &str, key: &str, digest: &str| {
        format!(
            "INSERT INTO objects (project, bucket, key, digest, size_bytes, media_type, stored) \
             VALUES ('{project}', 'b', '{key}', {digest}, 5, 't', 1);"
        )
    };
    let blob = |digest: &str, stored: &str, base: &str| {
        format!(
            "INSERT INTO blobs (digest, size_bytes, reference_count, stored_bytes, base) \
             VALUES ({digest}, 5, 9, {stored}, {base});"
        )
    };
    [
        "INSERT INTO buckets (project, bucket, created, objects, size_bytes) VALUES ('one', 'b', 1, 1, 5), ('two', 'b', 1, 2, 10);".to_owned(),
        object("one", "k", &module),
        object("two", "k", &module),
        object("two", "l", &difference),
        format!(
            "INSERT INTO names (name, project, sequence, digest, claimed, updated) VALUES ('n', 'one', 1, {module}, 1, 1);"
        ),
        format!(
            "INSERT INTO tasks (id, project, state, attempt, fence, due, deadline, cancel_requested, spec, actor, request, \
             created, updated, result, receipt, entry) VALUES ('t', 'one', 'succeeded', 1, 1, 1, 1, 0, '{spec}', 'a', 'r', \
             1, 1, '{result}', {output}, 1);"
        ),
        blob(&module, "NULL", "NULL"),
        blob(&base, "4", "NULL"),
        blob(&difference, "1", &base),
        blob(&output, "NULL", "NULL"),
    ]
    .concat()
}

const BLOBS_OF_PROJECTS: &str = "SELECT project || ' ' || substr({}, 1, 2) || ' ' || \
    CAST(reference_count AS TEXT) || ' ' || coalesce(CAST(stored_bytes AS TEXT), '-') FROM blobs ORDER BY 1";

/// The module of project one: its object, its name, and once each in what its task is and gave.
const EXPECTED: [&str; 7] =
    ["one 01 4 -", "one 02 1 4", "one 03 1 1", "one 04 1 -", "two 01 1 -", "two 02 1 4", "two 03 1 1"];

macro_rules! before_0006 {
    ($engine:literal) => {
        [
            include_str!(concat!("../../../../migrations/", $engine, "/0001_foundation.sql")),
            include_str!(concat!("../../../../migrations/", $engine, "/0002_packed_blobs.sql")),
            include_str!(concat!("../../../../migrations/", $engine, "/0003_buckets_and_versions.sql")),
            include_str!(concat!("../../../../migrations/", $engine, "/0004_bucket_figures.sql")),
            include_str!(concat!("../../../../migrations/", $engine, "/0005_versions_by_content.sql")),
        ]
        .concat()
    };
}

#[test]
fn what_projects_shared_becomes_content_of_each() {
    with_postgres(|server| async move {
        let sqlite = include_str!("../../../../migrations/sqlite/0006_blobs_of_projects.sql");
        let rows = shared_content(|digit| format!("X'{}'", format!("{digit:02x}").repeat(32)));
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let script = before_0006!("sqlite") + &rows + sqlite;
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        let query = BLOBS_OF_PROJECTS.replace("{}", "lower(hex(digest))");
        let found = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
        assert_eq!(found.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), EXPECTED);

        let postgres = include_str!("../../../../migrations/postgres/0006_blobs_of_projects.sql");
        let rows = shared_content(|digit| format!("decode('{}', 'hex')", format!("{digit:02x}").repeat(32)));
        let url = server.fresh_database().await;
        let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
        let script = before_0006!("postgres") + &rows + postgres;
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        let query = BLOBS_OF_PROJECTS.replace("{}", "encode(digest, 'hex')");
        let found = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
        assert_eq!(found.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), EXPECTED);
    });
}
