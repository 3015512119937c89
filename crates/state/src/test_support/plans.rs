use crate::error::StateError;
use crate::failure::Failure;
use crate::sql::{Dialect, Sql, Statement};
use crate::store::Store;
use crate::{
    audit, blobs, catalog, change, credentials, functions, idempotency, nodes, overrides, peers, proofs,
    queue, registry, relays, schedules, users, webhooks,
};

/// How the engine means to run a statement.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the statement is for.
    pub name: &'static str,
    /// The statement.
    pub statement: &'static str,
    /// The engine's words, a line a step.
    pub steps: Vec<String>,
}

impl Store {
    /// Asks the engine for the plans of all hot statements. PostgreSQL is told to use an index wherever one fits,
    /// because on empty tables it would never bother.
    pub async fn plans(&self) -> Result<Vec<Plan>, StateError> {
        let failed = |failure| StateError::database("explain", self.place(), failure);
        let mut connection = self.database().connect_writer().await.map_err(failed)?;
        let mut plans = Vec::new();
        let hot = [
            audit::HOT,
            blobs::HOT,
            catalog::HOT,
            catalog::HOT_BUCKETS,
            catalog::HOT_INVENTORY,
            catalog::HOT_PACKING,
            catalog::HOT_SAMPLES,
            catalog::HOT_UPLOADS,
            catalog::HOT_VERSIONS,
            change::HOT,
            credentials::HOT,
            idempotency::HOT,
            credentials::keys::HOT,
            credentials::refresh::HOT,
            overrides::HOT,
            queue::HOT,
            registry::HOT,
            users::HOT,
            users::members::HOT,
            users::factors::HOT,
            users::passkeys::HOT,
            users::roles::HOT,
            nodes::HOT,
            functions::HOT,
            schedules::HOT,
            proofs::HOT,
            peers::HOT,
            relays::HOT,
            webhooks::HOT,
        ];
        for (name, statement) in hot.into_iter().flatten() {
            let statement = statement.text(self.dialect());
            let steps = explain(connection.sql(), statement).await.map_err(failed)?;
            plans.push(Plan { name, statement, steps });
        }
        Ok(plans)
    }
}

async fn explain(mut sql: Sql<'_>, text: &'static str) -> Result<Vec<String>, Failure> {
    let question = match sql.dialect() {
        Dialect::Sqlite => format!("EXPLAIN QUERY PLAN {text}"),
        Dialect::Postgres => {
            let values = (1..).take_while(|number| text.contains(&format!("${number}"))).map(|_| "NULL");
            let values = values.collect::<Vec<_>>().join(", ");
            sql.script(USE_INDEXES).await?;
            sql.script(leak(format!("PREPARE hot AS {text}"))).await?;
            match values.as_str() {
                "" => "EXPLAIN EXECUTE hot".to_owned(),
                values => format!("EXPLAIN EXECUTE hot ({values})"),
            }
        }
    };
    let question = leak(question);
    let rows = sql.rows(&Statement { sqlite: question, postgres: question }, &[]).await?;
    let steps = rows.into_iter().map(|row| {
        let mut columns = row.read("plan");
        if sql.dialect() == Dialect::Sqlite {
            // Three numbers come before the words.
            columns.next::<u64>()?;
            columns.next::<u64>()?;
            columns.next::<u64>()?;
        }
        columns.next()
    });
    let steps = steps.collect::<Result<_, _>>()?;
    if sql.dialect() == Dialect::Postgres {
        sql.script("DEALLOCATE hot").await?;
    }
    Ok(steps)
}

/// Bitmaps are off as well, because they lose the order that an index has.
const USE_INDEXES: &str = "
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET plan_cache_mode = force_generic_plan;
";

/// Statements are static text; a test may make a few more.
fn leak(text: String) -> &'static str {
    text.leak()
}
