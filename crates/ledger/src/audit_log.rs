use async_trait::async_trait;
use casemate_model::StoreError;

use crate::Event;

/// The durable list of audit entries, before and after they reach the Merkle log.
///
/// Ports that change something take the [`Event`] themselves and commit both in one transaction; this port is for
/// what has no change of its own, and for reading.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Makes `event` durable and returns its sequence number. Sequence numbers start at 0 and have no gaps.
    async fn append(&self, event: Event) -> Result<u64, StoreError>;

    /// Canonical bytes of the entries `from`, `from + 1`, …, at most `limit` of them; empty past the end.
    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The number of entries, which is the next sequence number.
    async fn size(&self) -> Result<u64, StoreError>;

    /// The same, after having written down again where the log ends, as durably as an entry: shows that changes can be
    /// made, and changes nothing.
    async fn probe(&self) -> Result<u64, StoreError>;
}
