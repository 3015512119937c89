//! One method per operation of the API, in the order of its description.

mod audit;
mod buckets;
mod certificates;
mod factors;
mod functions;
mod keys;
mod limits;
mod names;
mod node;
mod nodes;
mod objects;
mod peers;
mod proofs;
mod relays;
mod schedules;
mod sessions;
mod tasks;
mod users;
mod webhooks;

use super::path::Path;

pub use functions::ValueBefore;
pub use names::NamesWanted;
pub use tasks::TaskStream;

/// Which page of a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items, 1 to 200; the node's default if absent.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub after: Option<String>,
}

impl PageRequest {
    fn apply(&self, path: Path) -> Path {
        let limit = self.limit.map(|limit| limit.to_string());
        path.maybe("limit", limit.as_deref()).maybe("after", self.after.as_deref())
    }
}
