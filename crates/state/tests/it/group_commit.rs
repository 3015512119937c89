//! The writer: changes in one transaction that do not harm each other, and honest answers when it cannot commit.

use std::sync::Arc;
use std::time::Duration;

use casemate_identity::{Credentials, KeyRecord, SecretMac};
use casemate_ledger::AuditLog;
use casemate_model::test_support::ManualClock;
use casemate_model::{KeyId, Role, Scopes, StoreError};
use casemate_objects::{BucketCatalog, ObjectCatalog, ObjectRecord, ProjectQuota, Put, PutRule};
use casemate_state::{PostgresOptions, SqliteOptions, Store, StoreLimits};
use casemate_tasks::{Queue, Submitted, Taker};
use futures_util::future::{join, join_all};
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::context::{Context, open_postgres, private_dir, run, with_postgres};

fn key(context: &Context) -> KeyRecord {
    KeyRecord {
        id: KeyId::generate(context.now(), &context.entropy),
        project: context.project.clone(),
        label: "key".to_owned(),
        role: Role::VIEWER,
        scopes: Scopes::NONE,
        secret: SecretMac { pepper: 1, mac: [1; 32] },
        created: context.now(),
        expires: None,
        revoked: None,
        former: None,
        owner: None,
        networks: Default::default(),
        limit: None,
        used: None,
    }
}

async fn neighbours_survive(context: Context) {
    let key = key(&context);
    context.store.insert_key(&key, context.event("keys.create")).await.unwrap();
    let appends = |count| join_all((0..count).map(|_| context.store.append(context.event("neighbour"))));
    let duplicate = context.store.insert_key(&key, context.event("refused"));
    let (before, (refused, after)) = join(appends(20), join(duplicate, appends(20))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { action: "add a key", .. })), "{refused:?}");
    let sequences: Vec<u64> = before.into_iter().chain(after).map(Result::unwrap).collect();
    assert_eq!(sequences.len(), 40);
    let actions = context.actions().await;
    assert_eq!(actions.len(), 41);
    assert!(!actions.contains(&"refused".to_owned()), "its entry went with it");
    assert!(context.store.check().await.unwrap().is_clean());
    context.store.close().await;
}

#[test]
fn a_change_that_fails_leaves_its_neighbours_alone_on_sqlite() {
    run(async { neighbours_survive(Context::sqlite().await).await });
}

#[test]
fn a_change_that_fails_leaves_its_neighbours_alone_on_postgres() {
    with_postgres(|server| async move {
        neighbours_survive(Context::postgres(server.fresh_database().await).await).await
    });
}

const HASTY: StoreLimits =
    StoreLimits { change_wait_max: Duration::from_millis(200), ..StoreLimits::DEFAULT };

/// While somebody else holds the database, nothing changes and every caller hears so in time.
async fn refuses_in_time(context: &Context, store: &Store) {
    let appends = join_all((0..3).map(|_| store.append(context.event("late")))).await;
    for answer in appends {
        let Err(StoreError::AuditTimeout { action, waited_ms }) = answer else { panic!("{answer:?}") };
        assert_eq!(action, "append an audit entry");
        assert!((200..2000).contains(&waited_ms), "{waited_ms}");
    }
}

#[test]
fn a_change_that_cannot_begin_in_time_does_not_happen_on_sqlite() {
    run(async {
        let scratch = tempfile::tempdir().unwrap();
        let directory = private_dir(&scratch);
        let options = SqliteOptions {
            directory: directory.clone(),
            clock: Arc::new(ManualClock::new()),
            limits: HASTY,
        };
        let (context, store) = (Context::sqlite().await, Store::open_sqlite(options).await.unwrap());
        let url = format!("sqlite://{}", directory.path().join("casemate.db").display());
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        refuses_in_time(&context, &store).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        assert_eq!(store.append(context.event("in time")).await.unwrap(), 0, "nothing was changed before");
        store.close().await;
    });
}

#[test]
fn a_change_that_cannot_begin_in_time_does_not_happen_on_postgres() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let clock = Arc::new(ManualClock::new());
        let options = PostgresOptions { url: url.clone(), origin: "one".to_owned(), clock, limits: HASTY };
        let (context, store) = (Context::sqlite().await, Store::open_postgres(options).await.unwrap());
        let mut other = PgConnection::connect(url.expose_secret()).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE log_heads IN EXCLUSIVE MODE").execute(&mut other).await.unwrap();
        refuses_in_time(&context, &store).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        assert_eq!(store.append(context.event("in time")).await.unwrap(), 0, "nothing was changed before");
        store.close().await;
    });
}

#[test]
fn a_commit_that_is_cut_off_is_not_called_undone() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let context = Context::postgres(url.clone()).await;
        let mut other = PgConnection::connect(url.expose_secret()).await.unwrap();
        // A commit that takes its time, so that there is a moment to cut it off.
        let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                    'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'; \
                    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON log_entries DEFERRABLE INITIALLY DEFERRED \
                    FOR EACH ROW EXECUTE FUNCTION slow()";
        sqlx::raw_sql(slow).execute(&mut other).await.unwrap();
        let cut = async {
            let find = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            let pid: i32 = loop {
                if let Some(pid) = sqlx::query_scalar(find).fetch_optional(&mut other).await.unwrap() {
                    break pid;
                }
            };
            sqlx::raw_sql(AssertSqlSafe(format!("SELECT pg_terminate_backend({pid})")))
                .execute(&mut other)
                .await
                .unwrap();
        };
        let (answer, ()) = join(context.store.append(context.event("cut off")), cut).await;
        let Err(StoreError::OutcomeUnknown { action, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(action, "append an audit entry");
        sqlx::raw_sql("DROP TRIGGER slow ON log_entries").execute(&mut other).await.unwrap();
        assert_eq!(
            context.store.append(context.event("after")).await.unwrap(),
            0,
            "the store connects again"
        );
        context.store.ping().await.unwrap();
        context.store.close().await;
    });
}

#[test]
fn two_nodes_share_a_database_and_each_keeps_its_log() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let context = Context::postgres(url.clone()).await;
        let other = open_postgres(url, "two", Arc::clone(&context.clock)).await;
        let stores = [context.store.clone(), other];
        let digest = context.object("own", b"own").digest;
        let claims = (0..50usize).map(|number| {
            let (context, store) = (&context, &stores[number % 2]);
            async move {
                let (holder, digest) = context.holder_on(store, &format!("project-{number}")).await;
                holder.claim("app", digest).await
            }
        });
        let won = join_all(claims).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(won, 1);

        // Each hears what the other did to names, once, and forgets what it knew of them.
        let names = stores.each_ref().map(|store| casemate_names::Names::new(Arc::new(store.clone())));
        let mut heard = [casemate_names::Heard::default(), casemate_names::Heard::default()];
        for (names, heard) in names.iter().zip(&mut heard) {
            assert_eq!(names.hear(heard).await.unwrap(), []);
        }
        let name = "heard.tools".parse().unwrap();
        let known = async |at: usize| {
            let known = names[at].known(&name, context.now(), casemate_names::AGE_MAX).await.unwrap();
            known.resolved.map(|(held, _)| held.record.sequence)
        };
        assert_eq!((known(0).await, known(1).await), (None, None));
        let (holder, own) = context.holder_on(&stores[0], "hearing").await;
        holder.claim("heard.tools", own).await.unwrap();
        assert_eq!((known(0).await, known(1).await), (None, None), "what is at hand is as old as that");
        let told = names[1].hear(&mut heard[1]).await.unwrap();
        assert_eq!(told, [(name.clone(), casemate_ledger::NameChange::Claimed)]);
        assert_eq!(names[0].hear(&mut heard[0]).await.unwrap(), [], "its own it knows without");
        assert_eq!(known(1).await, Some(1));
        assert_eq!(names[1].hear(&mut heard[1]).await.unwrap(), []);

        let puts = (0..60usize).map(|number| {
            let object = context.object(&format!("k{}", number % 7), format!("{}", number % 3).as_bytes());
            let (store, event) = (&stores[number % 2], context.event("objects.put"));
            async move { store.put_object(&object, &PutRule::default(), event).await.unwrap() }
        });
        join_all(puts).await;
        for _ in 0..5 {
            let mut task = context.task(digest);
            task.spec.module_project = Some("project-0".parse().unwrap());
            let submitted = stores[1].submit(&task, context.event("tasks.submit")).await.unwrap();
            assert_eq!(submitted, Submitted::Accepted);
        }
        let takes = (0..10usize)
            .map(|number| stores[number % 2].take(Taker::of_any(context.lease(10)), context.now(), 1));
        let taken = join_all(takes).await.into_iter().flat_map(Result::unwrap);
        let mut taken: Vec<_> = taken.map(|task| task.id).collect();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 5, "each task was taken, and by one node only");

        let sizes = (stores[0].size().await.unwrap(), stores[1].size().await.unwrap());
        assert_eq!(sizes.0 + sizes.1, 50 + 1 + 2 + 60 + 5);
        for store in &stores {
            let report = store.check().await.unwrap();
            assert_eq!(report.findings, []);
            store.close().await;
        }
    });
}

/// Nobody can lock a bucket that is not there; who makes it second must look again at what is in it.
#[test]
fn first_puts_of_two_nodes_into_a_new_bucket_count_once() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let context = Context::postgres(url.clone()).await;
        let second = open_postgres(url, "second", Arc::clone(&context.clock)).await;
        for round in 0..40 {
            let bucket: casemate_model::BucketName = format!("bucket-{round}").parse().unwrap();
            let object =
                |content: &[u8]| ObjectRecord { bucket: bucket.clone(), ..context.object("key", content) };
            let (one, two) = (object(b"one"), object(b"two"));
            let rule = PutRule::default();
            let puts = join(
                context.store.put_object(&one, &rule, context.event("objects.put")),
                second.put_object(&two, &rule, context.event("objects.put")),
            );
            let (one, two) = puts.await;
            assert!(matches!((one.unwrap(), two.unwrap()), (Put::Done { .. }, Put::Done { .. })));
        }
        assert_eq!(context.store.check().await.unwrap().findings, []);
        second.close().await;
        context.store.close().await;
    });
}

#[test]
fn puts_of_two_nodes_do_not_get_past_a_quota() {
    with_postgres(|server| async move {
        let url = server.fresh_database().await;
        let context = Context::postgres(url.clone()).await;
        let second = open_postgres(url, "second", Arc::clone(&context.clock)).await;
        let stores = [context.store.clone(), second];
        let quota = ProjectQuota { objects_max: Some(5), bytes_max: None };
        let rule = PutRule { quota, ..PutRule::default() };
        let puts = (0..40usize).map(|number| {
            let object = context.object(&format!("k{number}"), b"content");
            let (store, event, rule) = (&stores[number % 2], context.event("objects.put"), &rule);
            async move { store.put_object(&object, rule, event).await.unwrap() }
        });
        let done = join_all(puts).await.into_iter().filter(|put| matches!(put, Put::Done { .. })).count();
        assert_eq!(done, 5);
        assert_eq!(context.store.usage(&context.project).await.unwrap().objects, 5);
        for store in &stores {
            assert_eq!(store.check().await.unwrap().findings, []);
            store.close().await;
        }
    });
}

#[test]
fn a_closed_store_refuses_and_says_so() {
    run(async {
        let context = Context::sqlite().await;
        let pending = context.store.append(context.event("before"));
        assert_eq!(pending.await.unwrap(), 0);
        context.store.ping().await.unwrap();
        context.store.close().await;
        context.store.close().await;
        let refused = context.store.append(context.event("after")).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Unavailable { action: "append an audit entry", .. }),
            "{refused:?}"
        );
        context.store.ping().await.unwrap_err();
    });
}
