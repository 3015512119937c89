use std::sync::Arc;

use async_trait::async_trait;
use casemate_model::{DnsRecords, Name, StoreError};

/// What names say, as DNS is to tell it.
#[async_trait]
pub trait View: Send + Sync + 'static {
    /// Looks at one name.
    async fn look(&self, name: &Name) -> Result<Look, StoreError>;

    /// Names that may be used and say something, after `after`, in byte order, of at most `limit` that are looked at; and the last of
    /// those, to go on from, which is none when there are no more.
    async fn page(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<(Vec<(Name, DnsRecords)>, Option<Name>), StoreError>;

    /// A number that grows whenever any name says something else; it may grow at other times, too.
    async fn serial(&self) -> Result<u32, StoreError>;
}

/// What there is at a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What it says, if somebody holds it and it may be used.
    pub says: Option<Arc<DnsRecords>>,
    /// Whether there are names below it.
    pub has_below: bool,
}
