//! For tests: a PostgreSQL server of their own, and a look at how statements are run.

mod plans;
mod private_postgres;

pub use plans::Plan;
pub use private_postgres::PrivatePostgres;
