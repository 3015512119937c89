//! SQLite on the thread that asks. A change takes a dozen statements of some microseconds each; to hand every one of them to another
//! thread and wait for it costs ten times that.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

use super::cell::{Cell, Row};
use super::value::Value;
use crate::failure::Failure;

/// Runs a statement and returns how many rows it changed.
pub(super) fn execute(connection: &Connection, text: &str, values: &[Value]) -> Result<u64, Failure> {
    let mut statement = prepared(connection, text, values)?;
    if statement.column_count() > 0 {
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        return Ok(connection.changes());
    }
    Ok(statement.raw_execute()? as u64)
}

/// Runs a statement and returns all its rows.
pub(super) fn rows(connection: &Connection, text: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
    let mut statement = prepared(connection, text, values)?;
    let columns = statement.column_count();
    let (mut rows, mut read) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next()? {
        let cells = (0..columns).map(|index| Ok(cell(row.get_ref(index)?)));
        read.push(Row::new(cells.collect::<Result<_, Failure>>()?));
    }
    Ok(read)
}

/// A statement with its values. SQLite counts placeholders as they come, and ours say their number.
fn prepared<'c>(
    connection: &'c Connection,
    text: &str,
    values: &[Value],
) -> Result<CachedStatement<'c>, Failure> {
    let mut statement = connection.prepare_cached(text)?;
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| name.strip_prefix('$')?.parse().ok());
        let value = number.and_then(|number: usize| values.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), index))?;
        statement.raw_bind_parameter(index, Bound::of(value)?)?;
    }
    Ok(statement)
}

/// A value as SQLite takes it, borrowed.
struct Bound<'v>(ValueRef<'v>);

impl<'v> Bound<'v> {
    fn of(value: &'v Value) -> Result<Self, Failure> {
        Ok(Self(match value {
            Value::Integer(Some(number)) => {
                ValueRef::Integer(i64::try_from(*number).map_err(|_| Failure::NumberTooLarge(*number))?)
            }
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Integer(None) | Value::Text(None) | Value::Bytes(None) => ValueRef::Null,
        }))
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Text(text) => match str::from_utf8(text) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Foreign,
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => Cell::Foreign,
    }
}
