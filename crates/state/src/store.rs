use std::sync::Arc;
use std::time::Duration;

use casemate_ledger::Entry;
use casemate_model::{Clock, RegistryId, StoreError};
use tokio::sync::Mutex;

use crate::change::Change;
use crate::engine::{Database, Readers, within};
use crate::error::StateError;
use crate::failure::Failure;
use crate::figures::{Counters, Figures};
use crate::migrations;
use crate::options::{PostgresOptions, SqliteOptions, StoreLimits};
use crate::sql::{Dialect, Row, Statement, Value, statement, values};
use crate::writer::{Writer, WriterTask};

/// An open store, whichever engine it is in. Cheap to clone.
///
/// It implements every store port. Changes go through one writer, which commits what waits together; reads use a few
/// connections of their own and see every change that was answered before they began.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    limits: StoreLimits,
    /// Which registry of names the database has.
    registry: RegistryId,
    writer: Writer,
    /// Taken by the one who closes the store.
    writer_task: Mutex<Option<WriterTask>>,
    readers: Readers,
    counters: Arc<Counters>,
}

/// How long the answer to [`Store::ping`] may take.
const PING_WAIT_MAX: Duration = Duration::from_secs(1);

impl Store {
    /// Opens the database `casemate.db` of a private directory, making it and bringing its schema up to date.
    pub async fn open_sqlite(options: SqliteOptions) -> Result<Self, StateError> {
        Self::open(Database::sqlite(&options)?, options.limits, &*options.clock).await
    }

    /// Opens a database on a PostgreSQL server, bringing its schema up to date.
    pub async fn open_postgres(options: PostgresOptions) -> Result<Self, StateError> {
        Self::open(Database::postgres(&options)?, options.limits, &*options.clock).await
    }

    async fn open(database: Database, limits: StoreLimits, clock: &dyn Clock) -> Result<Self, StateError> {
        let failed = |failure| StateError::database("open", &database.place, failure);
        let mut connection = database.connect_writer().await.map_err(failed)?;
        database.check_settings(&mut connection).await?;
        migrations::migrate(&database, &mut connection, clock).await?;
        let log = values![database.origin.as_str(), Entry::NO_PREVIOUS];
        connection.sql().execute(&BEGIN_LOG, log).await.map_err(failed)?;
        let registry = connection.sql().row(&REGISTRY, &[]).await.map_err(failed)?;
        let registry = registry.ok_or_else(|| Failure::damaged("registry", RegistryMissing));
        let registry = registry.and_then(|row| row.only("registry")).map_err(failed)?;
        let connection = match database.dialect() {
            Dialect::Sqlite => {
                connection.close().await.map_err(failed)?;
                let mut direct = database.connect_direct().await.map_err(failed)?;
                database.check_settings(&mut direct).await?;
                direct
            }
            Dialect::Postgres => connection,
        };
        let readers = database.readers(&limits);
        let counters = Arc::new(Counters::default());
        let (writer, task) = Writer::start(database.clone(), connection, limits, Arc::clone(&counters));
        let writer_task = Mutex::new(Some(task));
        Ok(Self {
            inner: Arc::new(Inner { database, limits, registry, writer, writer_task, readers, counters }),
        })
    }

    /// Which engine the store is in.
    pub fn dialect(&self) -> Dialect {
        self.inner.database.dialect()
    }

    /// Where the database is, for messages; without a password.
    pub fn place(&self) -> &str {
        &self.inner.database.place
    }

    /// Checks that the store answers: a row is read, and the writer is there and does not only fail.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let action = "read the store for its health";
        let log = values![self.origin()];
        let reading = self.inner.readers.rows(&PING, log);
        let rows = within(PING_WAIT_MAX, reading).await.map_err(|failure| failure.into_error(action))?;
        if rows.is_empty() {
            return Err(Failure::damaged("log", crate::change::HeadMissing).into_error(action));
        }
        if !self.inner.writer.is_running() || self.figures().failures_in_a_row > PING_FAILURES_MAX {
            return Err(Failure::Stopped.into_error("write to the store"));
        }
        Ok(())
    }

    /// What the writer has done so far.
    pub fn figures(&self) -> Figures {
        self.inner.counters.figures()
    }

    /// Finishes the changes that wait, and closes all connections. Later calls of any clone fail; closing again does
    /// nothing.
    pub async fn close(&self) {
        if let Some(task) = self.inner.writer_task.lock().await.take() {
            task.stop().await;
        }
        self.inner.readers.close().await;
    }

    /// Makes a change durable.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Answer, StoreError> {
        self.inner.writer.change(change).await
    }

    /// Runs one reading statement, which bounds its rows.
    pub(crate) async fn rows(
        &self,
        action: &'static str,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let reading = self.inner.readers.rows(statement, values);
        within(self.inner.limits.read_wait_max, reading).await.map_err(|failure| failure.into_error(action))
    }

    /// Runs one reading statement for its first row.
    pub(crate) async fn row(
        &self,
        action: &'static str,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(action, statement, values).await?.into_iter().next())
    }

    pub(crate) fn origin(&self) -> &str {
        &self.inner.database.origin
    }

    pub(crate) fn registry(&self) -> RegistryId {
        self.inner.registry
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }
}

/// Most rows of one page, whatever a caller asks for.
pub(crate) const PAGE_MAX: u32 = 1000;

/// How many transactions may fail one after the other before the store calls itself unhealthy.
const PING_FAILURES_MAX: u64 = 3;

/// Reads the rows of a page into records.
pub(crate) fn read_all<T>(
    rows: Vec<Row>,
    action: &'static str,
    read: impl Fn(Row) -> Result<T, Failure>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(|row| read(row).map_err(|failure| failure.into_error(action))).collect()
}

/// Reads a row that may be missing into a record.
pub(crate) fn read_one<T>(
    row: Option<Row>,
    action: &'static str,
    read: impl Fn(Row) -> Result<T, Failure>,
) -> Result<Option<T>, StoreError> {
    row.map(read).transpose().map_err(|failure| failure.into_error(action))
}

/// A database that does not know which registry of names it has.
#[derive(Debug, thiserror::Error)]
#[error("the registry's id is not written down")]
struct RegistryMissing;

const REGISTRY: Statement = statement!("SELECT id FROM registry WHERE one = 1");
const PING: Statement = statement!("SELECT next_sequence FROM log_heads WHERE origin = $1");
const BEGIN_LOG: Statement = statement!(
    "INSERT INTO log_heads (origin, next_sequence, digest) VALUES ($1, 0, $2) ON CONFLICT (origin) DO NOTHING"
);
