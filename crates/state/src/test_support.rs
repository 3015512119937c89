//! For tests: servers of PostgreSQL and Redis of their own, and a look at how statements are run.

mod await_line;
mod plans;
mod private_postgres;
mod private_redis;

pub use plans::Plan;
pub use private_postgres::PrivatePostgres;
pub use private_redis::PrivateRedis;
