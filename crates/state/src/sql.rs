//! One way to talk SQL to both engines.
//!
//! A [`Statement`] is written once, with `$1` placeholders; [`Sql`] runs it on the connection at hand. Only three
//! kinds of values cross this line: whole numbers, text and bytes.

mod cell;
mod direct;
mod statement;
mod value;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Column, Row as _, TypeInfo, ValueRef};

use cell::Cell;
pub(crate) use cell::{Columns, Row};
pub(crate) use statement::{Statement, locking, skipping_locked, statement};
pub(crate) use value::{ToValue, Value, values};

use crate::failure::Failure;

/// Which engine is underneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded SQLite.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A borrowed connection.
pub(crate) enum Sql<'c> {
    Sqlite(&'c mut SqliteConnection),
    /// The same without a hand-over to another thread: each call blocks until SQLite has answered.
    Direct(&'c mut rusqlite::Connection),
    Postgres(&'c mut PgConnection),
}

impl Sql<'_> {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) | Self::Direct(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: &Statement, values: &[Value]) -> Result<u64, Failure> {
        let text = statement.text(self.dialect());
        Ok(match self {
            Self::Sqlite(connection) => {
                let query = value::bind(sqlx::query(text), values)?;
                query.execute(&mut **connection).await?.rows_affected()
            }
            Self::Direct(connection) => direct::execute(connection, text, values)?,
            Self::Postgres(connection) => {
                let query = value::bind(sqlx::query(text), values)?;
                query.execute(&mut **connection).await?.rows_affected()
            }
        })
    }

    /// Runs a statement and returns all its rows; the statement bounds them.
    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, Failure> {
        let text = statement.text(self.dialect());
        match self {
            Self::Sqlite(connection) => {
                let query = value::bind(sqlx::query(text), values)?;
                query.fetch_all(&mut **connection).await?.iter().map(sqlite_row).collect()
            }
            Self::Direct(connection) => direct::rows(connection, text, values),
            Self::Postgres(connection) => {
                let query = value::bind(sqlx::query(text), values)?;
                query.fetch_all(&mut **connection).await?.iter().map(postgres_row).collect()
            }
        }
    }

    /// Runs a statement and returns its first row.
    pub(crate) async fn row(
        &mut self,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Option<Row>, Failure> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// Runs a script of several statements without values, such as a migration.
    pub(crate) async fn script(&mut self, text: &'static str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(text).execute(&mut **connection).await.map(drop)?,
            Self::Direct(connection) => connection.execute_batch(text)?,
            Self::Postgres(connection) => sqlx::raw_sql(text).execute(&mut **connection).await.map(drop)?,
        }
        Ok(())
    }
}

fn sqlite_row(row: &SqliteRow) -> Result<Row, Failure> {
    let mut cells = Vec::with_capacity(row.len());
    for index in 0..row.len() {
        let raw = row.try_get_raw(index)?;
        // The class of the value, not of the column: expressions have no declared type.
        let cell = match raw.type_info().name() {
            _ if raw.is_null() => Cell::Null,
            "INTEGER" => Cell::Integer(row.try_get_unchecked(index)?),
            "TEXT" => Cell::Text(row.try_get_unchecked(index)?),
            "BLOB" => Cell::Bytes(row.try_get_unchecked(index)?),
            _ => Cell::Foreign,
        };
        cells.push(cell);
    }
    Ok(Row::new(cells))
}

fn postgres_row(row: &PgRow) -> Result<Row, Failure> {
    let mut cells = Vec::with_capacity(row.len());
    for index in 0..row.len() {
        let cell = match row.column(index).type_info().name() {
            _ if row.try_get_raw(index)?.is_null() => Cell::Null,
            "INT8" => Cell::Integer(row.try_get_unchecked(index)?),
            "INT4" => Cell::Integer(row.try_get_unchecked::<i32, _>(index)?.into()),
            "TEXT" | "VARCHAR" | "NAME" => Cell::Text(row.try_get_unchecked(index)?),
            "BYTEA" => Cell::Bytes(row.try_get_unchecked(index)?),
            _ => Cell::Foreign,
        };
        cells.push(cell);
    }
    Ok(Row::new(cells))
}
