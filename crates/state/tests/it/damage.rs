//! Damage is found and named; backups come back; nothing sound is replaced by something that is not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use casemate_fs::Dir;
use casemate_ledger::AuditLog;
use casemate_model::test_support::ManualClock;
use casemate_names::{Content, Keys};
use casemate_state::{Finding, SqliteOptions, StateError, Store, StoreLimits, restore_sqlite};
use casemate_tasks::Queue;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use crate::context::{Context, open_sqlite, private_dir, run, with_postgres};
use crate::names::content;

async fn tamper(database: &Path, statement: &'static str) {
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    // The checks of the schema are in the way of most damage; a disk does not ask them.
    sqlx::raw_sql("PRAGMA ignore_check_constraints = ON").execute(&mut other).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
}

/// What a check finds after `statement` was run on a store with an object, a name and a task.
async fn findings_after(statement: &'static str) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let directory = private_dir(&scratch);
    let clock = Arc::new(ManualClock::new());
    let store = open_sqlite(&directory, Arc::clone(&clock)).await;
    let context = Context::new(store, clock, None);
    let digest = context.put("key", b"content").await;
    let tagged = Content { tags: "prod".parse().unwrap(), ..content(digest) };
    context.operator().claim_with("app", tagged, Keys::default()).await.unwrap();
    context.store.submit(&context.task(digest), context.event("tasks.submit")).await.unwrap();
    tamper(&directory.path().join("casemate.db"), statement).await;
    let report = context.store.check().await.unwrap();
    context.store.close().await;
    report.findings.iter().map(Finding::to_string).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of damages, one per kind")]
fn a_check_names_what_is_damaged() {
    let content = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    run(async {
        for (statement, finding) in [
            ("SELECT 1", None),
            (
                "UPDATE blobs SET reference_count = 9",
                Some(format!("the blob default/{content} is referred to 3 times, but its row says 9")),
            ),
            (
                "DELETE FROM blobs",
                Some(format!("the blob default/{content} is referred to 3 times but not written down")),
            ),
            (
                "UPDATE blobs SET size_bytes = 9",
                Some(
                    "a damaged object: `key` in bucket `builds` of project `default` says 7 bytes, its content 9"
                        .to_owned(),
                ),
            ),
            (
                "UPDATE buckets SET objects = 5",
                Some(
                    "the counter of objects of bucket `builds` of project `default` says 5, but there are 1"
                        .to_owned(),
                ),
            ),
            (
                "UPDATE buckets SET upload_bytes = 5",
                Some(
                    "the counter of bytes of unfinished uploads of bucket `builds` of project `default` says 5, but there are 0"
                        .to_owned(),
                ),
            ),
            (
                "UPDATE task_counts SET tasks = 2",
                Some("the counter of queued tasks of project `default` says 2, but there are 1".to_owned()),
            ),
            (
                "DELETE FROM task_queues",
                Some("the counter of open tasks of project `default` says 0, but there are 1".to_owned()),
            ),
            (
                "DELETE FROM log_entries WHERE sequence = 1",
                Some("the log of `node` breaks at entry 1: the entry is missing".to_owned()),
            ),
            (
                "DELETE FROM log_entries WHERE sequence = 2",
                Some(
                    "the log of `node` breaks at entry 2: the log does not end where its head says"
                        .to_owned(),
                ),
            ),
            (
                "UPDATE log_entries SET bytes = (SELECT bytes FROM log_entries WHERE sequence = 0) WHERE sequence = 1",
                Some(
                    "the log of `node` breaks at entry 1: the entry's bytes are not those that were written"
                        .to_owned(),
                ),
            ),
            (
                "UPDATE log_entries SET bytes = x'00' WHERE sequence = 0",
                Some("the log of `node` breaks at entry 0: the entry cannot be read".to_owned()),
            ),
            (
                "UPDATE tasks SET take_at = 5",
                Some("has times in the queue that do not follow from its state".to_owned()),
            ),
            (
                "UPDATE tasks SET spec = '{}'",
                Some("a damaged task: the JSON of the specification cannot be read".to_owned()),
            ),
            (
                "UPDATE name_versions SET sequence = 4",
                Some("a damaged name history: `app` has version 4 where version 1 belongs".to_owned()),
            ),
            ("UPDATE names SET name = 'No Name'", Some("a damaged name: column 1 is not a name".to_owned())),
            (
                "UPDATE names SET reversed = 'app'",
                Some("a damaged name: `app` does not stand backwards as it is".to_owned()),
            ),
            (
                "UPDATE names SET expires = expires + 1",
                Some("a damaged name: `app` does not stand as its version 1 says".to_owned()),
            ),
            (
                "UPDATE name_versions SET record_digest = zeroblob(32)",
                Some(
                    "a damaged name history: version 1 of `app` has a record that its digest is not of".to_owned(),
                ),
            ),
            (
                "UPDATE name_tags SET tag = 'other'",
                Some("a damaged tag: `app` is found by the tag `other`, which it does not have".to_owned()),
            ),
            ("DELETE FROM name_tags", Some("a damaged tag: `app` is not found by its tag `prod`".to_owned())),
            (
                "DELETE FROM name_skeletons",
                Some("a damaged name: what `app` looks like is not written down".to_owned()),
            ),
            (
                "UPDATE name_skeletons SET free_from = 1",
                Some("a damaged name: `app` is held, and its looks are written down for `app`".to_owned()),
            ),
        ] {
            let findings = findings_after(statement).await;
            match finding {
                None => assert_eq!(findings, Vec::<String>::new(), "{statement}"),
                Some(finding) => assert!(
                    findings.iter().any(|found| found.contains(&finding)),
                    "{statement}: {findings:#?}"
                ),
            }
        }
    });
}

#[test]
fn a_file_that_is_no_database_is_refused_with_the_way_out() {
    run(async {
        let scratch = tempfile::tempdir().unwrap();
        let directory = private_dir(&scratch);
        directory.replace("casemate.db", &[7; 8192]).unwrap();
        let options = SqliteOptions {
            directory: directory.clone(),
            clock: Arc::new(ManualClock::new()),
            limits: StoreLimits::DEFAULT,
        };
        let error = Store::open_sqlite(options).await.err().expect("garbage");
        let path = directory.path().join("casemate.db");
        assert_eq!(
            error.to_string(),
            format!(
                "`{}` is damaged or not a Casemate database: look with `casemate db check`, then bring back a \
                 backup with `casemate db restore FILE`",
                path.display()
            )
        );
    });
}

#[test]
fn the_files_are_ours_alone() {
    run(async {
        let scratch = tempfile::tempdir().unwrap();
        let directory = private_dir(&scratch);
        let store = open_sqlite(&directory, Arc::default()).await;
        let context = Context::sqlite().await;
        store.append(context.event("test.append")).await.unwrap();
        for name in ["casemate.db", "casemate.db-wal", "casemate.db-shm"] {
            let mode = directory.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
    });
}

/// A store with one object, its backup, and then a second object.
async fn saved(scratch: &TempDir) -> (Dir, Dir) {
    let (directory, backups) =
        (private_dir(scratch), Dir::open_private(&scratch.path().join("backups")).unwrap());
    let store = open_sqlite(&directory, Arc::default()).await;
    let context = Context::new(store, Arc::default(), None);
    context.put("before", b"before").await;
    let size_bytes = context.store.backup(&backups, "one.db").await.unwrap();
    assert_eq!(backups.open_file("one.db").unwrap().metadata().unwrap().len(), size_bytes);
    let again = context.store.backup(&backups, "one.db").await.unwrap_err();
    assert!(matches!(again, StateError::Directory(casemate_fs::FsError::AlreadyExists { .. })), "{again:?}");
    context.put("after", b"after").await;
    context.store.close().await;
    (directory, backups)
}

async fn keys(directory: &Dir) -> Vec<String> {
    let store = open_sqlite(directory, Arc::default()).await;
    let context = Context::new(store, Arc::default(), None);
    let mut keys = Vec::new();
    for key in ["before", "after"] {
        let object = context.object(key, b"");
        let found = casemate_objects::ObjectCatalog::object(
            &context.store,
            &object.project,
            &object.bucket,
            &object.key,
        );
        keys.extend(found.await.unwrap().map(|object| object.key.to_string()));
    }
    assert!(context.store.check().await.unwrap().is_clean());
    context.store.close().await;
    keys
}

#[test]
fn a_backup_comes_back_whole() {
    run(async {
        let scratch = tempfile::tempdir().unwrap();
        let (directory, backups) = saved(&scratch).await;
        assert_eq!(keys(&directory).await, ["before", "after"]);
        let backup = backups.open_file("one.db").unwrap();
        let report = restore_sqlite(&directory, backup, &ManualClock::new()).await.unwrap();
        assert!(report.is_clean() && report.rows > 0, "{report:?}");
        assert_eq!(keys(&directory).await, ["before"]);
        let left: Vec<String> = directory.entries().unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(left, ["casemate.db"], "no scratch and no log of the old database is left");

        let elsewhere = Dir::open_private(&scratch.path().join("elsewhere")).unwrap();
        let backup = backups.open_file("one.db").unwrap();
        restore_sqlite(&elsewhere, backup, &ManualClock::new()).await.unwrap();
        assert_eq!(keys(&elsewhere).await, ["before"], "where there was no database");
    });
}

#[test]
fn a_backup_that_is_not_sound_replaces_nothing() {
    run(async {
        let scratch = tempfile::tempdir().unwrap();
        let (directory, backups) = saved(&scratch).await;
        tamper(&backups.path().join("one.db"), "UPDATE buckets SET objects = 5").await;
        backups.replace("garbage.db", &[7; 8192]).unwrap();
        backups.replace("empty.db", b"").unwrap();
        let restore = async |name: &str| {
            let backup = backups.open_file(name).unwrap();
            restore_sqlite(&directory, backup, &ManualClock::new()).await.unwrap_err()
        };
        let error = restore("one.db").await;
        assert!(matches!(error, StateError::UnsoundBackup { findings: 1, .. }), "{error:?}");
        let error = restore("garbage.db").await;
        assert!(matches!(error, StateError::DamagedFile { .. }), "{error:?}");
        let error = restore("empty.db").await;
        assert!(matches!(error, StateError::Database { action: "restore", .. }), "{error:?}");
        assert_eq!(keys(&directory).await, ["before", "after"]);
    });
}

#[test]
fn a_backup_of_postgres_is_its_own_tools_business() {
    with_postgres(|server| async move {
        let scratch = tempfile::tempdir().unwrap();
        let context = Context::postgres(server.fresh_database().await).await;
        let error = context.store.backup(&private_dir(&scratch), "one.db").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "a backup of a PostgreSQL database is done with PostgreSQL's own tools: \
             pg_dump --format=custom --file=FILE DATABASE, and pg_restore to bring it back"
        );
        context.store.close().await;
    });
}
