use super::Dialect;

/// The text of one statement; the engines' texts differ at most in how rows are locked.
pub(crate) struct Statement {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Statement {
    pub(crate) const fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

/// A statement that both engines read alike.
macro_rules! statement {
    ($($part:expr),+ $(,)?) => {
        $crate::sql::Statement { sqlite: concat!($($part),+), postgres: concat!($($part),+) }
    };
}

/// A query whose rows stay as they are until the transaction ends. SQLite has one writer, so it needs no lock.
macro_rules! locking {
    ($($part:expr),+ $(,)?) => {
        $crate::sql::Statement { sqlite: concat!($($part),+), postgres: concat!($($part),+, " FOR UPDATE") }
    };
}

/// The same, passing over rows that another node's transaction holds.
macro_rules! skipping_locked {
    ($($part:expr),+ $(,)?) => {
        $crate::sql::Statement {
            sqlite: concat!($($part),+),
            postgres: concat!($($part),+, " FOR UPDATE SKIP LOCKED"),
        }
    };
}

pub(crate) use {locking, skipping_locked, statement};
