//! Requests that must not be carried out twice, known by the key that their sender chose
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! ```text
//!   reserve ──> fresh ──> answer ──> kept until it expires ──> forgotten
//!      │          │ └──── release: nothing was changed, so the key is free again
//!      │          └────── lease over, nobody works on it: the next one with the same request takes it over
//!      └──> in flight | another request under this key | answered
//! ```

use async_trait::async_trait;
use casemate_model::{Digest, PrincipalKind, Project, RequestId, StoreError, Timestamp};

/// A key in use: whose it is, and by which of the requests that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyMark {
    /// The project that is changed.
    pub project: Project,
    /// Who sent it. Keys of others are other keys.
    pub principal: PrincipalKind,
    /// The digest of what was sent as the key.
    pub key: Digest,
    /// The request that works under it. Whoever lost the lease to another one cannot answer any more.
    pub request: RequestId,
}

/// What a key is asked for.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// The key and the request.
    pub mark: IdempotencyMark,
    /// The digest of what the request asks for.
    pub fingerprint: Digest,
    /// The time.
    pub now: Timestamp,
    /// When the request counts as dead unless it says otherwise.
    pub lease_until: Timestamp,
    /// When the key is forgotten.
    pub expires: Timestamp,
    /// Most keys of the principal; the oldest answers go first.
    pub keys_max: u64,
    /// Most bytes of answers of the principal; the oldest go first.
    pub bytes_max: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Nobody has carried the request out: go on.
    Fresh,
    /// It is being carried out.
    InFlight,
    /// The key was used for another request.
    OtherRequest,
    /// It was carried out, and this is what was kept of its answer.
    Answered(Vec<u8>),
    /// As many requests of the principal are under way as there may be keys.
    TooMany,
}

/// Where keys and answers are kept. Each function is one transaction, whatever number of nodes there is.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync + 'static {
    /// Takes a key, or says why not. Of many at once, one gets [`Reserved::Fresh`].
    async fn reserve(&self, wanted: &Reservation) -> Result<Reserved, StoreError>;

    /// Says that the request is still worked on; false if another one has taken over.
    async fn extend(&self, mark: &IdempotencyMark, lease_until: Timestamp) -> Result<bool, StoreError>;

    /// Keeps the answer, which is sealed already; false if another request has taken over.
    async fn answer(&self, mark: &IdempotencyMark, answer: Vec<u8>) -> Result<bool, StoreError>;

    /// Frees the key of a request that changed nothing. It is no error if another one has taken over.
    async fn release(&self, mark: &IdempotencyMark) -> Result<(), StoreError>;

    /// Forgets keys that expired by `now`, at most `limit`, and says how many.
    async fn forget_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
